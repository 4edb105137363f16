#include "passes/differentiate.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

using RuleFunction = std::vector<NodeId> (*)(const AdjointContext &);

/// The node's adjoint rule, or null where no gradient flows through it.
RuleFunction rule_of(const Node &node) {
  auto rule = std::get_if<RuleFunction>(&record(node.op).adjoint);
  return rule && is_float(node.type.elem) ? *rule : nullptr;
}

/// Which nodes up to y depend on one of xs along a path that a gradient flows through.
std::vector<bool> reached(const Function &function, NodeId y, std::span<const NodeId> xs) {
  std::vector<bool> reached(y + 1, false);
  for (NodeId x : xs)
    if (x <= y && is_float(function.type(x).elem)) reached[x] = true;
  for (NodeId id = 0; id <= y; ++id) {
    if (!rule_of(function[id])) continue;
    for (NodeId operand : function[id].operands)
      if (reached[operand]) reached[id] = true;
  }
  return reached;
}

/// Whether the node's rule says what one of the examples contributes: those of operations on all examples do, and those of nodes that differ.
bool of_one_example(Op op, bool differs) { return differs || op == Op::batch_sum || op == Op::batch_all; }

/// The sum over the examples of a contribution that the node makes with `gradient`. Of batch_take it is zeros but at this example, so that the
/// sum is all examples' gradients.
NodeId sum_over_examples(Builder &builder, Op op, NodeId gradient, NodeId contribution) {
  return op == Op::batch_take ? builder.unary(Op::batch_all, gradient) : builder.unary(Op::batch_sum, contribution);
}

} // namespace

std::vector<NodeId> differentiate(Builder &builder, NodeId y, NodeId seed, std::span<const NodeId> xs,
                                  const std::vector<bool> *differs) {
  if (builder.type(y) != builder.type(seed) || !is_float(builder.type(y).elem))
    throw InternalError(fmt::format("derivative of {} with seed {}", to_string(builder.type(y)), to_string(builder.type(seed))));
  PlaceId before = builder.place();
  std::vector<bool> wanted_node = reached(builder.function(), y, xs);
  std::vector<NodeId> gradient(y + 1, no_node);
  if (wanted_node[y]) gradient[y] = seed;
  for (NodeId id = y + 1; id-- > 0;) {
    RuleFunction rule = rule_of(builder.function()[id]);
    if (gradient[id] == no_node || !rule) continue;
    const std::vector<NodeId> operands = builder.function()[id].operands;
    std::vector<bool> wanted;
    bool any = false;
    for (NodeId operand : operands) wanted.push_back(wanted_node[operand]), any = any || wanted.back();
    if (!any) continue;
    builder.set_place(builder.function()[id].place);
    std::vector<NodeId> contributions = rule({builder, id, gradient[id], wanted});
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!wanted[i] || contributions[i] == no_node) continue;
      if (differs && !(*differs)[operands[i]] && of_one_example(builder.function()[id].op, (*differs)[id]))
        contributions[i] = sum_over_examples(builder, builder.function()[id].op, gradient[id], contributions[i]);
      NodeId &sum = gradient[operands[i]];
      sum = sum == no_node ? contributions[i] : builder.add(sum, contributions[i]);
    }
  }
  builder.set_place(before);
  std::vector<NodeId> result;
  for (NodeId x : xs) result.push_back(x <= y ? gradient[x] : no_node);
  return result;
}

} // namespace nnc::passes
