#pragma once
// A subscript that is a sum of indices: constant + Σ coefficient·index, `2*i + p - 1`.

#include "frontend/frame.h"

namespace nnc::frontend {

struct IndexForm {
  struct Term {
    std::shared_ptr<IndexVariable> variable; // of index notation, or made here for another index, whose limit is known
    int64_t coefficient;
  };
  int64_t constant = 0;
  std::vector<Term> terms; // of different variables, no coefficient 0
};

/// What the i32 node is, read back from the graph; nothing where it is no such sum.
std::optional<IndexForm> index_form(Frame &, ir::NodeId);

/// The values from `low` to `high` that a sum takes, or a part of it.
struct IndexInterval {
  int64_t low = 0, high = 0;
};
/// Of the sum where `but` is 0; every other variable must be known.
IndexInterval interval_of(const IndexForm &, const IndexVariable *but = nullptr);

} // namespace nnc::frontend
