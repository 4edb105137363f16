#pragma once
// The code of a contraction: the loops (lower_contraction.cpp) and the tile in registers with its sums (lower_contraction_tile.cpp).

#include "codegen/contraction_plan.h"
#include "codegen/lower_panel.h"

namespace nnc::codegen {

class ContractionLowering {
public:
  explicit ContractionLowering(KernelFunction &);
  void emit();

private:
  using Value = llvm::Value;
  /// A stretch of n: `vectors` vectors from `n` on, the last of which may be masked (all, where they lie across), from `lane` on in tile number `tile` of
  /// the block.
  struct Columns {
    Value *n, *tile, *lane;
    int vectors;
    Value *last_mask; // null: all lanes
  };
  /// A chunk of k: a stretch of ContractionPlan::chunk_axis at a point of the summed axes before it.
  struct Chunk {
    std::vector<Value *> before;
    Value *first, *end, *is_first, *is_last;
  };

  /// Rows of a tile: the first's number along m, its number among the block's sums, and, where rows are copied, the copy of the first.
  struct Rows {
    Value *m, *sum, *copy;
    int count;
  };

  // Loops.
  Value *from(int axis);
  Value *to(int axis);
  /// Whether an axis, of the outer ones, then m, n, k, counts the columns of a triangle of whose rows the kernel has a block; their end then, which is
  /// that of its last row.
  bool is_cut(int axis) const;
  Value *to_last_row(int axis, Value *end);
  void outer_axis(size_t axis, const std::function<void()> &body);
  void passes();
  void blocks_of_columns();
  void each_columns(Value *first, Value *end, const std::function<void(const Columns &)> &);
  void each_points(Value *first, Value *end, const std::function<void(const Columns &)> &);
  void chunks(const std::function<void(const Chunk &)> &);
  void blocks_of_rows(Value *n_first, Value *n_end);
  void rows(const Columns &, Value *m, Value *end, Value *block, const Chunk &);
  void tile(const Columns &, Value *m, Value *row, Value *copy, Value *count, const Chunk &);
  void epilogue(const Columns &, Value *m, Value *row, Value *count);
  void epilogue(const Columns &, Value *m, std::vector<Value *> sums);
  Block block_at(const Columns &, Value *m) const;

  // Fetching ahead.
  /// Stretches of memory that later tiles read, of which each tile fetches some: `each` more, from `*next` on, of `count`.
  struct Fetching {
    Value *next, *each, *count;
    std::function<void(Value *)> fetch;
  };
  void plan_ahead(Value *m, Value *m_end, Value *n_first, Value *n_end, const Chunk &);
  Fetching next_chunk(Value *m, Value *m_end, Value *n_first, Value *n_end, const Chunk &);
  Fetching next_rows(Value *m, Value *m_end, const Chunk &);
  void fetch_ahead();
  void fetch_for_epilogue(const Columns &, const Rows &);
  void fetch_lines(const Access &, const std::vector<Value *> &axes, Value *elements);

  // The tile.
  /// A point of the summed axes, with its number among all and in the chunk.
  struct Point {
    std::vector<Value *> k;
    Value *number, *in_chunk;
  };
  void accumulate(const Columns &, const Rows &, const Chunk &);
  void multiply_add(const Columns &, const Rows &, const Point &, const std::vector<Value *> &sums);
  void over_k(const Chunk &, std::pair<Value *, Value *> stretch, const std::function<void(const Point &)> &);
  std::vector<Value *> columns_of_b(const Columns &, const Point &);
  std::vector<Value *> addresses_of_a(const Rows &, const Point &);
  /// The part of [first, end) along `axis` of m, n, k (0, 1, 2) that the kernel's triangle leaves for points [at, at + count) of axis `other`.
  std::pair<Value *, Value *> in_triangle(int axis, Value *first, Value *end, int other, Value *at, int64_t count);
  Value *sum_address(const Columns &, Value *row, int vector);

  /// Fills the thread's panel with a chunk of b.
  void pack(const Columns &, const Chunk &);
  Value *panel_of(const Columns &);
  /// Copies rows of a for a chunk (ContractionPlan::a_pitch).
  void copy_rows(Value *m, Value *end, const Chunk &);
  Value *copy_of_tile(Value *number);

  /// Evaluates what an operand's address needs beside the axes, at the axes given.
  void emit_indices(const Access &, const Block &);
  void emit_afresh(ValueId, const Block &);
  /// Whether an instruction moves along a summed axis: it belongs to an operand's address, not to the epilogue.
  bool moves_along_k(ValueId) const;

  KernelFunction &f_;
  const Contraction &c_;
  const size_t outer_;
  const ContractionPlan plan_;
  const ContractionScratch scratch_;
  llvm::Type *scalar_, *vector_;
  Stage epilogue_;
  std::vector<Value *> axes_; // outer
  Computations values_;
  std::optional<Fetching> fetching_;
  Value *sums_ = nullptr, *panel_ = nullptr, *rows_of_a_ = nullptr;
};

} // namespace nnc::codegen
