#pragma once
// What the two ways of elaborating a loop share.

#include "frontend/elaborator.h"

namespace nnc::frontend {

/// What a loop runs over: the items of a list, the rows of a tensor, or the numbers from `first` on.
struct Elaborator::Sequence {
  int64_t count = 0;
  const DimName *name = nullptr; // of the number of turns
  std::vector<Value> items;      // of a list
  std::optional<TensorValue> tensor;
  int64_t first = 0;
  Dim limit; // of a range's numbers
  Span span; // what a count beyond the limit is reported at
  bool is_list = false;
};

/// 2^32/φ (Knuth, The Art of Computer Programming, section 6.4): draws in a turn have the hash outer·factor + (turn + 1).
constexpr uint32_t turn_hash_factor = 2654435761u;

/// The hash as nodes.
inline ir::NodeId turn_hash(ir::Builder &builder, ir::NodeId outer, ir::NodeId turn) {
  const ir::NodeId hash = builder.mul(outer, builder.like(outer, static_cast<int32_t>(turn_hash_factor)));
  return builder.add(hash, builder.add(turn, builder.like(turn, 1)));
}

inline const YieldStmt *yield_of(const std::vector<Stmt> &body) {
  return body.empty() ? nullptr : std::get_if<YieldStmt>(&body.back().form);
}

/// What a loop begins with, for another attempt.
struct Elaborator::LoopStart {
  LoopStart(Elaborator &, const ForExpr &, const Context &);
  void restore(Elaborator &, const Context &) const;

  size_t errors; // before the loop
  Diagnostics diagnostics, scratch;
  Root root;
  Activation activation;
  std::vector<std::pair<Local *, Value>> locals; // that it binds again
};

} // namespace nnc::frontend
