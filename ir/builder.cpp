#include "ir/builder.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::ir {

NodeId Builder::add_node(Op op, std::vector<NodeId> operands, Attributes attributes, const Type *declared) {
  const OpRecord &facts = record(op);
  std::vector<const Type *> types;
  for (NodeId operand : operands) {
    if (operand >= function_->nodes.size())
      throw InternalError(fmt::format("{}: operand %{} does not exist", facts.name, operand));
    types.push_back(&type(operand));
  }
  std::string error;
  Type result = result_type(op, std::move(types), attributes, declared, error);
  if (!error.empty()) throw InternalError(fmt::format("{}: {}", facts.name, error));
  function_->nodes.push_back({op, std::move(result), std::move(operands), std::move(attributes), place_});
  return static_cast<NodeId>(function_->nodes.size() - 1);
}

NodeId Builder::input(Input input, Type type) {
  input.node = add_node(Op::input, {}, InputAttributes{static_cast<int64_t>(function_->inputs.size())}, &type);
  function_->inputs.push_back(std::move(input));
  return function_->inputs.back().node;
}

NodeId Builder::find_input(InputKind kind, int slot, const std::string &name, const Type &wanted) {
  for (const Input &input : function_->inputs) {
    if (input.kind != kind || input.slot != slot) continue;
    if (type(input.node) != wanted)
      throw InternalError(fmt::format("input '{}' is {}, not {}", name, to_string(type(input.node)), to_string(wanted)));
    return input.node;
  }
  return input({kind, slot, name, no_node}, wanted);
}

void Builder::output(Output output) { function_->outputs.push_back(std::move(output)); }

NodeId Builder::constant(Type type, double value) { return constant(std::move(type), std::vector<double>{value}); }

NodeId Builder::constant(Type type, std::vector<double> values) {
  for (double &value : values) value = round_to(type.elem, value);
  return add_node(Op::constant, {}, ConstantAttributes{std::move(values)}, &type);
}

NodeId Builder::iota(Shape dims, int axis) {
  Type type{Elem::i32, std::move(dims)};
  return add_node(Op::iota, {}, AxesAttributes{{axis}}, &type);
}

NodeId Builder::unary(Op op, NodeId a) { return add_node(op, {a}); }
NodeId Builder::binary(Op op, NodeId a, NodeId b) { return add_node(op, {a, b}); }
NodeId Builder::select(NodeId condition, NodeId a, NodeId b) { return add_node(Op::select, {condition, a, b}); }

NodeId Builder::convert(NodeId a, Elem elem) {
  if (type(a).elem == elem) return a;
  Type result{elem, type(a).dims};
  return add_node(Op::convert, {a}, NoAttributes{}, &result);
}

NodeId Builder::broadcast(NodeId a, Shape dims, std::vector<int64_t> axes) {
  Type result{type(a).elem, std::move(dims)};
  return add_node(Op::broadcast, {a}, AxesAttributes{std::move(axes)}, &result);
}

NodeId Builder::broadcast_leading(NodeId a, const Shape &leading) {
  Shape dims = leading;
  std::vector<int64_t> axes;
  for (const Extent &extent : type(a).dims) {
    axes.push_back(static_cast<int64_t>(dims.size()));
    dims.push_back(extent);
  }
  return broadcast(a, std::move(dims), std::move(axes));
}

NodeId Builder::reshape(NodeId a, Shape dims) {
  Type result{type(a).elem, std::move(dims)};
  return add_node(Op::reshape, {a}, NoAttributes{}, &result);
}

NodeId Builder::transpose(NodeId a, std::vector<int64_t> permutation) {
  return add_node(Op::transpose, {a}, AxesAttributes{std::move(permutation)});
}

NodeId Builder::slice(NodeId a, std::vector<int64_t> start, std::vector<int64_t> limit, std::vector<int64_t> stride) {
  return add_node(Op::slice, {a}, SliceAttributes{std::move(start), std::move(limit), std::move(stride)});
}

NodeId Builder::reverse(NodeId a, std::vector<int64_t> axes) {
  return add_node(Op::reverse, {a}, AxesAttributes{std::move(axes)});
}

NodeId Builder::window(NodeId a, WindowAttributes attributes, Shape dims) {
  Type result{type(a).elem, std::move(dims)};
  return add_node(Op::window, {a}, std::move(attributes), &result);
}

NodeId Builder::window_add(NodeId a, WindowAttributes attributes, Shape dims) {
  Type result{type(a).elem, std::move(dims)};
  return add_node(Op::window_add, {a}, std::move(attributes), &result);
}

NodeId Builder::pad(NodeId a, std::vector<int64_t> before, std::vector<int64_t> after, std::vector<int64_t> between) {
  return add_node(Op::pad, {a}, PadAttributes{std::move(before), std::move(after), std::move(between)});
}

NodeId Builder::concatenate(std::vector<NodeId> parts, int64_t axis) {
  return add_node(Op::concatenate, std::move(parts), AxesAttributes{{axis}});
}

NodeId Builder::reduce(ReduceKind kind, NodeId a, std::vector<int64_t> axes) {
  return add_node(Op::reduce, {a}, ReduceAttributes{kind, std::move(axes)});
}

NodeId Builder::argreduce(ReduceKind kind, NodeId a, std::vector<int64_t> axes) {
  return add_node(Op::argreduce, {a}, ReduceAttributes{kind, std::move(axes)});
}

NodeId Builder::dot(NodeId left, NodeId right, DotAttributes attributes) {
  return add_node(Op::dot, {left, right}, std::move(attributes));
}

NodeId Builder::gather(NodeId table, NodeId index, int64_t batch) {
  const Type &t = type(table);
  Extent size = batch >= 0 && batch < t.rank() ? t.dims[batch] : Extent{0};
  return add_node(Op::gather, {table, index}, GatherAttributes{batch, size});
}

NodeId Builder::scatter_add(NodeId index, NodeId updates, int64_t batch, Extent size) {
  return add_node(Op::scatter_add, {index, updates}, GatherAttributes{batch, size});
}

} // namespace nnc::ir
