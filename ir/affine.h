#pragma once
// Indices that are affine in the axes of their tensor, and gathers by them, which are views. Index notation is lowered to gathers by
// iota; this is where they vanish.

#include "ir/builder.h"

#include <optional>

namespace nnc::ir {

/// index[i…] = constant + Σ_k coefficients[k]·i_k.
struct Affine {
  int64_t constant = 0;
  std::vector<int64_t> coefficients; // per axis
};

/// The i32 node as an affine function of its own index, as far as iota, constants, sums, products with constants and views show it.
std::optional<Affine> affine(const Function &, NodeId);

/// gather(table, index); where the index is affine in at most one axis behind the batch axes, the slice, reversal and broadcast that it is
/// (the table itself for the index 0, 1, …, n - 1).
NodeId gather_or_view(Builder &, NodeId table, NodeId index, int64_t batch);

} // namespace nnc::ir
