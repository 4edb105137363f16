// The choice between two values, element by element.

#include "ir/family.h"

namespace nnc::ir {

namespace {

Type select_shape(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (*types[1] != *types[2])
    return fail(error, "needs branches of one type, got {} and {}", to_string(*types[1]), to_string(*types[2]));
  if (types[0]->elem != Elem::boolean || types[0]->dims != types[1]->dims)
    return fail(error, "needs a condition bool{}, got {}", to_string(types[1]->dims), to_string(*types[0]));
  return *types[1];
}

std::vector<NodeId> select_adjoint(const AdjointContext &c) {
  NodeId condition = c.operand(0), zero = c.builder.like(c.gradient, 0);
  return {no_node, c.wanted[1] ? c.builder.select(condition, c.gradient, zero) : no_node,
          c.wanted[2] ? c.builder.select(condition, zero, c.gradient) : no_node};
}

Array evaluate_select(const EvaluateContext &c) {
  Array result = zeros(c);
  for (size_t i = 0; i < result.values.size(); ++i)
    result.values[i] = c.operands[c.operands[0]->values[i] != 0 ? 1 : 2]->values[i];
  return result;
}

std::vector<Sample> select_samples() {
  return {sample({tensor(Elem::boolean, {2, 3}), real({2, 3}), real({2, 3})}, NoAttributes{}, std::nullopt, 2),
          sample({tensor(Elem::boolean, {0}), real({0}), real({0})}, NoAttributes{}, std::nullopt, 2)};
}

} // namespace

constinit const OpRecord records::select = {
    .name = "select",
    .doc = "a where the condition holds, else b",
    .operands = 3,
    .blank = any<NoAttributes>,
    .shape = select_shape,
    .declared_type = false,
    .adjoint = select_adjoint,
    .batch = batch_elementwise,
    .evaluate = evaluate_select,
    .kernel = ScalarBody{},
    .commutative = false,
    .samples = select_samples,
};

} // namespace nnc::ir
