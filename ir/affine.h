#pragma once
// Indices that are affine in the axes of their tensor, and gathers by them, which are views. Index notation is lowered to gathers by
// iota; this is where they vanish.

#include "ir/op.h"

#include <optional>

namespace nnc::ir {

/// index[i…] = constant + Σ_k coefficients[k]·i_k.
struct Affine {
  int64_t constant = 0;
  std::vector<int64_t> coefficients; // per axis
};

/// The i32 node as an affine function of its own index, as far as iota, constants, sums, products with constants and views show it.
std::optional<Affine> affine(const Function &, NodeId);

/// The map of a node that is an affine view.
std::optional<IndexMap> view_map(const Function &, NodeId);

/// A window's attributes as a map, and back; `rank` is that of what the map's indices count.
IndexMap index_map(const WindowAttributes &, size_t rank);
WindowAttributes window_attributes(const IndexMap &, size_t rank);

/// The map of a view of a view: `inner` gives the operand's index at an index that `outer` gives.
IndexMap composed(const IndexMap &inner, const IndexMap &outer);

/// The tensor of shape `dims` that reads x as `map` says, every index being inside: slices, reversals, reshapes, transposes and broadcasts where these
/// can say it, else a window, which has no axis that does not move, and a broadcast of it.
NodeId view_of(Builder &, NodeId x, IndexMap map, const Shape &dims);

/// gather(table, index); where the index is affine, the view that it is (the table itself for the index 0, 1, …, n - 1).
NodeId gather_or_view(Builder &, NodeId table, NodeId index, int64_t batch);

} // namespace nnc::ir
