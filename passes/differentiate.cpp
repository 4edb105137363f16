#include "passes/differentiate.h"

#include "ir/op.h"

#include <algorithm>
#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

using RuleFunction = std::vector<NodeId> (*)(const AdjointContext &);

/// Which nodes up to the last depend on one of xs along a path that a gradient flows through.
std::vector<bool> reached(const Function &function, NodeId last, std::span<const NodeId> xs) {
  std::vector<bool> reached(last + 1, false);
  for (NodeId x : xs)
    if (x <= last && is_float(function.type(x).elem)) reached[x] = true;
  for (NodeId id = 0; id <= last; ++id) {
    if (!passes_gradient(function[id])) continue;
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

/// Each example's share of a gradient that they have together: of a result of a loop that is the same for all, where others differ.
NodeId shared_out(Builder &builder, NodeId gradient) {
  return builder.div(gradient, builder.unary(Op::batch_sum, builder.like(gradient, 1)));
}

/// The gradients so far: one for each node, or one for each part of an operation with several results.
class Gradients {
public:
  Gradients(Builder &builder, NodeId last) : builder(builder), of_node(last + 1, no_node), of_parts(last + 1) {}

  void add(NodeId node, NodeId term) { accumulate(of_node[node], term); }

  void add_part(NodeId node, size_t number, NodeId term) {
    std::vector<NodeId> &parts = of_parts[node];
    if (parts.size() <= number) parts.resize(number + 1, no_node);
    accumulate(parts[number], term);
  }

  bool any(NodeId node) const { return of_node[node] != no_node || !of_parts[node].empty(); }
  NodeId operator[](NodeId node) const { return of_node[node]; }
  const std::vector<NodeId> &parts(NodeId node) {
    of_parts[node].resize(builder.type(node).parts.size(), no_node);
    return of_parts[node];
  }

private:
  void accumulate(NodeId &sum, NodeId term) { sum = sum == no_node ? term : builder.add(sum, term); }

  Builder &builder;
  std::vector<NodeId> of_node;
  std::vector<std::vector<NodeId>> of_parts;
};

std::vector<NodeId> differentiate_several(Builder &builder, std::span<const Seed> seeds, std::span<const NodeId> xs) {
  return differentiate(builder, seeds, xs, nullptr);
}

} // namespace

std::vector<NodeId> differentiate(Builder &builder, std::span<const Seed> seeds, std::span<const NodeId> xs,
                                  const std::vector<bool> *differs) {
  PlaceId before = builder.place();
  NodeId last = 0;
  for (const Seed &seed : seeds) {
    const Type &y = builder.type(seed.node);
    if (y != builder.type(seed.gradient) || !is_float(y.elem))
      throw InternalError(fmt::format("derivative of {} with seed {}", to_string(y), to_string(builder.type(seed.gradient))));
    last = std::max(last, seed.node);
  }
  std::vector<bool> wanted_node = reached(builder.function(), last, xs);
  Gradients gradients(builder, last);
  for (const Seed &seed : seeds)
    if (wanted_node[seed.node]) gradients.add(seed.node, seed.gradient);
  for (NodeId id = last + 1; id-- > 0;) {
    const Node &node = builder.function()[id];
    if (!gradients.any(id) || !passes_gradient(node)) continue;
    const std::vector<NodeId> operands = node.operands;
    std::vector<bool> wanted;
    bool any = false;
    for (NodeId operand : operands) wanted.push_back(wanted_node[operand]), any = any || wanted.back();
    if (!any) continue;
    builder.set_place(node.place);
    const auto differ = [&](NodeId id) { return differs && (*differs)[id]; };
    const Op op = node.op;
    if (op == Op::part) {
      const int64_t number = std::get<PartAttributes>(node.attributes).number;
      const bool shared = !differ(id) && differ(operands[0]);
      gradients.add_part(operands[0], number, shared ? shared_out(builder, gradients[id]) : gradients[id]);
      continue;
    }
    std::span<const NodeId> parts;
    if (node.type.is_tuple()) parts = gradients.parts(id);
    std::vector<NodeId> contributions =
        std::get<RuleFunction>(record(node.op).adjoint)({builder, id, gradients[id], wanted, parts, differentiate_several});
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!wanted[i] || contributions[i] == no_node) continue;
      if (differs && !differ(operands[i]) && of_one_example(op, differ(id)))
        contributions[i] = sum_over_examples(builder, op, gradients[id], contributions[i]);
      gradients.add(operands[i], contributions[i]);
    }
  }
  builder.set_place(before);
  std::vector<NodeId> result;
  for (NodeId x : xs) result.push_back(x <= last ? gradients[x] : no_node);
  return result;
}

std::vector<NodeId> differentiate(Builder &builder, NodeId y, NodeId seed, std::span<const NodeId> xs,
                                  const std::vector<bool> *differs) {
  const Seed one{y, seed};
  return differentiate(builder, std::span(&one, 1), xs, differs);
}

} // namespace nnc::passes
