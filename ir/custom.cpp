// Values with an adjoint of their own: `adjoint` declarations and `checkpoint`.

#include "ir/family.h"
#include "ir/functions.h"

namespace nnc::ir {

namespace {

Type custom_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &custom = std::get<CustomAttributes>(attributes);
  const auto results = static_cast<size_t>(custom.results);
  if (!custom.adjoint) return fail(error, "has no adjoint");
  if (custom.results < 1 || results > types.size() || custom.adjoint->inputs.size() != types.size())
    return fail(error, "{} results of {} operands; the adjoint takes {}", custom.results, types.size(),
                custom.adjoint->inputs.size());
  const size_t others = types.size() - results;
  for (size_t i = 0; i < types.size(); ++i) {
    const Type &given = *types[(i + results) % types.size()], &wanted = custom.adjoint->type(custom.adjoint->inputs[i].node);
    if (given != wanted) return fail(error, "input {} of the adjoint is {}, not {}", i, to_string(wanted), to_string(given));
  }
  for (const Output &output : custom.adjoint->outputs)
    if (output.slot < 0 || static_cast<size_t>(output.slot) >= others ||
        custom.adjoint->type(output.node) != *types[results + output.slot])
      return fail(error, "the adjoint's gradient of operand {} is {}", output.slot, to_string(custom.adjoint->type(output.node)));
  Type result;
  for (size_t i = 0; i < results; ++i) result.parts.push_back(*types[i]);
  return result;
}

std::vector<NodeId> custom_adjoint(const AdjointContext &c) {
  const auto custom = c.attributes<CustomAttributes>();
  const auto results = static_cast<size_t>(custom.results);
  const std::vector<NodeId> operands = c.builder.function()[c.node].operands;
  std::vector<NodeId> arguments(operands.begin() + custom.results, operands.end());
  for (size_t i = 0; i < results; ++i)
    arguments.push_back(c.gradients[i] != no_node ? c.gradients[i] : c.builder.like(operands[i], 0));
  const std::vector<NodeId> made = inline_function(c.builder, *custom.adjoint, arguments);
  std::vector<NodeId> gradients(operands.size(), no_node);
  for (size_t i = 0; i < made.size(); ++i) gradients[results + custom.adjoint->outputs[i].slot] = made[i];
  return gradients;
}

/// All results vary then; an operand that does not has the sum of the gradients along the new axis.
Batched custom_batch(const BatchContext &c) {
  CustomAttributes custom = std::get<CustomAttributes>(c.node.attributes);
  const auto results = static_cast<size_t>(custom.results);
  const Function old = *custom.adjoint;
  std::vector<bool> marked(c.lifted.begin() + custom.results, c.lifted.end());
  marked.resize(c.lifted.size(), true);
  Function adjoint = c.lift_function(old, marked, c.size, c.mini_batch);
  Builder inside(adjoint);
  for (size_t i = 0; i < adjoint.outputs.size(); ++i) {
    NodeId &node = adjoint.outputs[i].node;
    if (adjoint.type(node).rank() == old.type(old.outputs[i].node).rank()) node = inside.broadcast_leading(node, {c.size});
    if (!c.lifted[results + adjoint.outputs[i].slot]) node = inside.reduce(ReduceKind::add, node, {0});
  }
  std::vector<NodeId> operands;
  for (size_t i = 0; i < c.operands.size(); ++i) operands.push_back(i < results ? c.lift(i) : c.operands[i]);
  custom.adjoint = std::make_shared<const Function>(std::move(adjoint));
  return c.builder.add_node(Op::custom, std::move(operands), std::move(custom));
}

Array evaluate_custom(const EvaluateContext &c) {
  Array result;
  for (int64_t i = 0; i < std::get<CustomAttributes>(c.node.attributes).results; ++i) result.parts.push_back(*c.operands[i]);
  return result;
}

/// One result, of x and w; the gradients g·w and Σ g·x.
std::vector<Sample> custom_samples() {
  Function adjoint;
  adjoint.name = "adjoint";
  Builder b(adjoint);
  auto input = [&](Type type) {
    return b.input({InputKind::argument, static_cast<int>(adjoint.inputs.size()), "", no_node}, std::move(type));
  };
  const NodeId x = input(real({3})), w = input(real({})), g = input(real({3}));
  b.output({OutputKind::result, 0, "", b.mul(g, b.broadcast_leading(w, {{3}}))});
  b.output({OutputKind::result, 1, "", b.reduce(ReduceKind::add, b.mul(g, x), {0})});
  return {
      sample({real({3}), real({3}), real({})}, CustomAttributes{1, true, std::make_shared<const Function>(std::move(adjoint))})};
}

} // namespace

constinit const OpRecord records::custom = {
    .name = "custom",
    .doc = "values, whose gradient a function gives in place of the derived one",
    .operands = -1,
    .blank = any<CustomAttributes>,
    .shape = custom_shape,
    .declared_type = false,
    .adjoint = custom_adjoint,
    .batch = custom_batch,
    .evaluate = evaluate_custom,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = custom_samples,
};

} // namespace nnc::ir
