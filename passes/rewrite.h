#pragma once
// Local rewriting: a table of rules over one traversal. A pass of this kind is its table.

#include "ir/builder.h"

#include <optional>
#include <span>

namespace nnc::passes {

/// Looks at node `id` (with that operation) of the graph that the builder appends to, and gives the node that takes its place, or no_node where
/// the rule does not apply. It may append nodes; operands have been rewritten already. The replacement has the node's type.
struct Rule {
  ir::Op op;
  const char *name;
  ir::NodeId (*apply)(ir::Builder &, ir::NodeId id);
};

/// Applies the rules until none does (or after a fixed number of traversals), and drops what nothing uses.
ir::Function rewrite(ir::Function, std::span<const Rule>);

/// The function without nodes that no output needs, nor inputs, arguments apart. Order stays.
ir::Function without_dead_nodes(ir::Function);

/// The value of a constant that is the same for every element.
std::optional<double> splat(const ir::Function &, ir::NodeId);

/// The attributes of a node.
template <typename T> const T &attributes(const ir::Function &function, ir::NodeId id) {
  return std::get<T>(function[id].attributes);
}

} // namespace nnc::passes
