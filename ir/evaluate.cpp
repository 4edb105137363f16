#include "ir/evaluate.h"

#include "ir/family.h"

namespace nnc::ir {

using InputValue = std::function<Array(const Input &, const Type &)>;

static Array given(const Function &function, const Node &node, int64_t examples, const InputValue &input) {
  const Input &which = function.inputs[std::get<InputAttributes>(node.attributes).number];
  Array value = input(which, node.type);
  int64_t count = 1;
  for (int64_t dim : dims_at(node.type.dims, examples)) count *= dim;
  if (value.elem != node.type.elem || value.dims != dims_at(node.type.dims, examples) ||
      static_cast<int64_t>(value.values.size()) != count)
    throw InternalError(fmt::format("input '{}' is {}, not {}[{}] of {} values", which.name, to_string(node.type),
                                    name(value.elem), fmt::join(value.dims, ","), value.values.size()));
  return value;
}

std::vector<Array> evaluate_all(const Function &function, int64_t examples, const InputValue &input) {
  std::vector<Array> values;
  values.reserve(function.nodes.size());
  std::vector<const Array *> operands;
  for (const Node &node : function.nodes) {
    operands.clear();
    for (NodeId operand : node.operands) operands.push_back(&values[operand]);
    values.push_back(node.op == Op::input ? given(function, node, examples, input)
                                          : record(node.op).evaluate({function, node, operands, examples}));
  }
  return values;
}

std::vector<Array> evaluate(const Function &function, int64_t examples, const InputValue &input) {
  std::vector<Array> values = evaluate_all(function, examples, input);
  std::vector<Array> outputs;
  for (const Output &output : function.outputs) outputs.push_back(values[output.node]);
  return outputs;
}

} // namespace nnc::ir
