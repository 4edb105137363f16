#pragma once
// Reverse-mode differentiation: the chain rule backwards over the graph, by each operation's adjoint rule. The result is ordinary nodes of
// the same graph, so that it nests.

#include "ir/op.h"

#include <span>

namespace nnc::passes {

/// ∂(Σ seed·y)/∂x for each x of `xs`, appended to the builder's graph. `y` has the seed's type. Only paths from the nodes `xs`
/// to `y` count; no_node where there is none (the caller decides on zeros and a warning).
/// Contributions are added in the order of descending user, so that the result does not depend on anything but the graph.
/// Integer and bool nodes, comparisons, floor, sign, stop_gradient and draws stop it.
///
/// In the graph of one example `differs` tells for each node up to y, which is the same for all examples, whether it is one for each of them. What flows
/// from a node that is into one that is not is summed over the examples. Without it the derivative is that of one example's y by its own use of xs.
std::vector<ir::NodeId> differentiate(ir::Builder &, ir::NodeId y, ir::NodeId seed, std::span<const ir::NodeId> xs,
                                      const std::vector<bool> *differs = nullptr);

/// The same for several y with a seed each: ∂(Σ seed·y)/∂x.
std::vector<ir::NodeId> differentiate(ir::Builder &, std::span<const ir::Seed>, std::span<const ir::NodeId> xs,
                                      const std::vector<bool> *differs = nullptr);

} // namespace nnc::passes
