#pragma once
// The code of a contraction, over three files: the loops (lower_contraction.cpp), the tile in registers and its sums
// (lower_contraction_tile.cpp), and the packing of b (lower_contraction_pack.cpp).

#include "codegen/contraction_plan.h"

#include <functional>

namespace nnc::codegen {

class ContractionLowering {
public:
  explicit ContractionLowering(KernelFunction &);
  void emit();

private:
  using Value = llvm::Value;
  /// A stretch of n: `vectors` vectors from `n` on, the last of which may be masked.
  struct Columns {
    Value *n;
    int vectors;
    Value *last_mask; // null: all lanes
  };

  // Loops.
  Value *from(int axis);
  Value *to(int axis);
  void outer_axis(size_t axis);
  void columns();
  void rows(const Columns &);
  void block_of_rows(const Columns &, Value *m, Value *count);
  void chunks_of_k(const std::function<void(Value *first, Value *end, Value *is_first)> &);
  void tiles(const Columns &, Value *m, Value *count, Value *k_first, Value *k_end, Value *is_first);
  void epilogue(const Columns &, Value *m, Value *count);
  Block block_at(const Columns &, Value *m) const;

  // The tile.
  void accumulate(const Columns &, int rows, Value *m, Value *row, Value *k_first, Value *k_end, Value *is_first);
  void multiply_add(const Columns &, int rows, Value *m, const std::vector<Value *> &k, Value *packed_row,
                    const std::vector<Value *> &sums);
  void over_k(Value *first, Value *end, const std::function<void(const std::vector<Value *> &k, Value *number)> &);
  std::vector<Value *> columns_of_b(const Columns &, const std::vector<Value *> &k, Value *packed_row);
  std::vector<Value *> addresses_of_a(int rows, Value *m, const std::vector<Value *> &k);
  Value *sum_address(Value *row, int vector);

  // Packing.
  void pack(const Columns &, Value *k_first, Value *k_end);
  void pack_copied(const Columns &, Value *k_first, Value *k_end);
  void pack_transposed(const Columns &, Value *k_first, Value *k_end);
  Value *panel_address(Value *row, Value *vector);

  /// Evaluates what an operand's address needs beside the axes, at the axes given.
  void emit_indices(const Access &, const Block &);
  void emit_afresh(ValueId, const Block &);
  /// Whether an instruction moves along a summed axis: it belongs to an operand's address, not to the epilogue.
  bool moves_along_k(ValueId) const;

  KernelFunction &f_;
  const Contraction &c_;
  const size_t outer_;
  const ContractionPlan plan_;
  llvm::Type *scalar_, *vector_;
  Stage epilogue_;
  std::vector<Value *> axes_; // outer
  Computations values_;
  Value *sums_ = nullptr, *panel_ = nullptr;
};

} // namespace nnc::codegen
