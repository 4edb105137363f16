#include "passes/examples.h"

#include "ir/op.h"

namespace nnc::passes {

using namespace ir;

namespace {

Extent known(Extent extent, int64_t count) { return extent.batch ? Extent{extent.count * count, false} : extent; }

Type known(Type type, int64_t count) {
  for (Extent &extent : type.dims) extent = known(extent, count);
  for (Type &part : type.parts) part = known(part, count);
  return type;
}

/// A whole axis of c·B is written as 0..0.
Attributes known(Attributes attributes, const Function &function, const Node &node, int64_t count) {
  if (auto *slice = std::get_if<SliceAttributes>(&attributes)) {
    const Shape &dims = function.type(node.operands[0]).dims;
    for (size_t axis = 0; axis < dims.size(); ++axis)
      if (dims[axis].batch) slice->limit[axis] = dims[axis].count * count;
  }
  if (auto *gather = std::get_if<GatherAttributes>(&attributes)) gather->size = known(gather->size, count);
  return attributes;
}

using Change = Function (*)(const Function &, int64_t count);

/// Copies the function, with `change` for the functions that its nodes run; `make` gives a node's copy, or no_node for that of the general form.
template <typename F> Function rebuilt(const Function &function, int64_t count, Change change, F &&make) {
  Function result;
  result.name = function.name;
  Builder builder(result);
  std::vector<NodeId> copies;
  for (const Node &node : function.nodes) {
    builder.set_place(node.place);
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(copies[operand]);
    const Type type = known(node.type, count);
    if (node.op == Op::input) {
      const Input &input = function.inputs[std::get<InputAttributes>(node.attributes).number];
      copies.push_back(builder.input({input.kind, input.slot, input.name, no_node}, type));
      continue;
    }
    const NodeId made = make(builder, node, operands);
    if (made != no_node) {
      copies.push_back(made);
      continue;
    }
    Attributes attributes = known(node.attributes, function, node, count);
    if (auto *body = function_of(attributes)) *body = std::make_shared<const Function>(change(**body, count));
    copies.push_back(builder.add_node(node.op, operands, std::move(attributes), record(node.op).declared_type ? &type : nullptr));
  }
  for (Output output : function.outputs) {
    output.node = copies[output.node];
    builder.output(std::move(output));
  }
  return result;
}

} // namespace

Function for_examples(const Function &function, int64_t count) {
  return rebuilt(function, count, for_examples, [](Builder &, const Node &, const std::vector<NodeId> &) { return no_node; });
}

Function alone(const Function &function) {
  const Change change = [](const Function &body, int64_t) { return alone(body); };
  return rebuilt(function, 1, change, [](Builder &builder, const Node &node, const std::vector<NodeId> &operands) {
    if (!std::holds_alternative<AcrossExamples>(record(node.op).kernel)) return no_node;
    const Type type = known(node.type, 1);
    return builder.type(operands[0]) == type ? builder.unary(Op::copy, operands[0]) : builder.reshape(operands[0], type.dims);
  });
}

} // namespace nnc::passes
