// f(broadcast a, broadcast b, constant) = broadcast(f(a', b', constant)) where a' and b' have only the axes that a or b has: the work is
// done once along the others. On the way back a broadcast is a view and costs nothing.

#include "passes/simplify.h"

#include "ir/op.h"

#include <algorithm>
#include <set>

namespace nnc::passes {

using namespace ir;

namespace {

/// The axes along which an operand differs, added to `axes`: a broadcast's own, none of a constant that is the same everywhere.
void add_axes(const Function &function, NodeId id, std::set<int64_t> &axes) {
  if (splat(function, id)) return;
  const auto &own = attributes<AxesAttributes>(function, id).axes;
  axes.insert(own.begin(), own.end());
}

/// `id` with the axes `kept` of its own.
NodeId narrowed(Builder &b, NodeId id, const std::vector<int64_t> &kept, const Shape &dims) {
  if (auto value = splat(b.function(), id)) return b.constant({b.type(id).elem, dims}, *value);
  std::vector<int64_t> place;
  for (int64_t axis : attributes<AxesAttributes>(b.function(), id).axes)
    place.push_back(std::find(kept.begin(), kept.end(), axis) - kept.begin());
  NodeId x = b.function()[id].operands[0];
  return dims == b.type(x).dims ? x : b.broadcast(x, dims, place);
}

NodeId hoist(Builder &b, NodeId id) {
  for (NodeId operand : b.function()[id].operands)
    if (b.function()[operand].op != Op::broadcast && !splat(b.function(), operand)) return no_node;
  const Op op = b.function()[id].op;
  const std::vector<NodeId> operands = b.function()[id].operands;
  const Attributes same = b.function()[id].attributes;
  const Type type = b.type(id);
  std::set<int64_t> used;
  for (NodeId operand : operands) add_axes(b.function(), operand, used);
  if (operands.empty() || used.size() == type.dims.size()) return no_node;
  std::vector<int64_t> kept(used.begin(), used.end());
  Type narrow{type.elem, {}};
  for (int64_t axis : kept) narrow.dims.push_back(type.dims[axis]);
  std::vector<NodeId> inner;
  for (NodeId operand : operands) inner.push_back(narrowed(b, operand, kept, narrow.dims));
  return b.broadcast(b.add_node(op, inner, same, record(op).declared_type ? &narrow : nullptr), type.dims, kept);
}

} // namespace

std::vector<Rule> hoisting_rules() {
  std::vector<Rule> rules;
  auto elementwise = [&](Op op) {
    if (std::holds_alternative<ScalarBody>(record(op).kernel)) rules.push_back({op, "of broadcasts", hoist});
  };
#define NNC_OP(name) elementwise(Op::name);
#include "ir/ops.def"
  return rules;
}

} // namespace nnc::passes
