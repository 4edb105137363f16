#include "passes/lift.h"

#include "ir/affine.h"
#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

/// One lift under way: for each node of the old graph its node in the new one and whether it has the axis.
struct Lifting {
  const Function &old;
  Extent size;
  const LiftOptions &options;
  Function result;
  Builder builder{result};
  std::vector<NodeId> node;
  std::vector<bool> lifted;

  Lifting(const Function &old, Extent size, const LiftOptions &options) : old(old), size(size), options(options) {}

  bool has(InputKind kind) const {
    for (const Input &input : old.inputs)
      if (input.kind == kind) return true;
    return false;
  }

  /// p·size + iota, so that the draws along the axis differ.
  NodeId spread_position(NodeId position) {
    NodeId count = size.batch ? builder.find_input(InputKind::examples, 0, "examples", {Elem::i32, {}})
                              : builder.constant({Elem::i32, {}}, static_cast<double>(size.count));
    if (size.batch && size.count != 1) count = builder.mul(count, builder.like(count, static_cast<double>(size.count)));
    NodeId first = builder.mul(position, count);
    return builder.add(builder.broadcast_leading(first, {size}), builder.iota({size}, 0));
  }

  Batched input(const Input &input, const Type &type, bool marked) {
    bool row = options.mini_batch && input.kind == InputKind::row;
    Type new_type = type;
    if (marked || row) new_type.dims.insert(new_type.dims.begin(), size);
    NodeId id = builder.input({input.kind, input.slot, input.name, no_node}, new_type);
    bool draws_by_row = options.mini_batch && has(InputKind::row);
    if (input.kind == InputKind::position && !marked && !draws_by_row) return spread_position(id);
    return {id, marked || row};
  }

  Batched operation(const Node &from) {
    std::vector<NodeId> operands;
    std::vector<bool> operand_lifted;
    bool any = options.mini_batch && std::holds_alternative<AcrossExamples>(record(from.op).kernel);
    for (NodeId operand : from.operands) {
      operands.push_back(node[operand]);
      operand_lifted.push_back(lifted[operand]);
      any = any || lifted[operand];
    }
    if (any) return record(from.op).batch({builder, from, from.type, operands, operand_lifted, size, options.mini_batch});
    return {builder.add_node(from.op, operands, from.attributes, record(from.op).declared_type ? &from.type : nullptr), false};
  }

  void run(const std::vector<bool> &marked) {
    result.name = old.name;
    for (const Node &from : old.nodes) {
      builder.set_place(from.place);
      int64_t number = from.op == Op::input ? std::get<InputAttributes>(from.attributes).number : -1;
      Batched to = number >= 0 ? input(old.inputs[number], from.type, marked[number]) : operation(from);
      node.push_back(to.node);
      lifted.push_back(to.lifted);
    }
    for (const Output &from : old.outputs) {
      Output output = from;
      output.node = node[from.node];
      builder.set_place(old[from.node].place);
      if (!lifted[from.node] && options.lift_all_outputs) output.node = builder.broadcast_leading(output.node, {size});
      builder.output(output);
    }
  }
};

} // namespace

Function lift(const Function &function, const std::vector<bool> &lifted, Extent size, const LiftOptions &options) {
  if (lifted.size() != function.inputs.size())
    throw InternalError(
        fmt::format("lift of '{}': {} marks for {} inputs", function.name, lifted.size(), function.inputs.size()));
  Lifting lifting(function, size, options);
  lifting.run(lifted);
  return std::move(lifting.result);
}

std::vector<NodeId> inline_function(Builder &builder, const Function &function, std::span<const NodeId> arguments) {
  if (arguments.size() != function.inputs.size())
    throw InternalError(
        fmt::format("call of '{}': {} arguments for {} inputs", function.name, arguments.size(), function.inputs.size()));
  PlaceId before = builder.place();
  std::vector<NodeId> node;
  for (const Node &from : function.nodes) {
    if (from.op == Op::input) {
      size_t number = static_cast<size_t>(std::get<InputAttributes>(from.attributes).number);
      if (builder.type(arguments[number]) != from.type)
        throw InternalError(fmt::format("call of '{}': '{}' is {}, not {}", function.name, function.inputs[number].name,
                                        to_string(from.type), to_string(builder.type(arguments[number]))));
      node.push_back(arguments[number]);
      continue;
    }
    std::vector<NodeId> operands;
    for (NodeId operand : from.operands) operands.push_back(node[operand]);
    builder.set_place(from.place ? from.place : before);
    if (from.op == Op::gather) { // by an index that may be an iota only now
      node.push_back(gather_or_view(builder, operands[0], operands[1], std::get<GatherAttributes>(from.attributes).batch));
      continue;
    }
    node.push_back(builder.add_node(from.op, operands, from.attributes, record(from.op).declared_type ? &from.type : nullptr));
  }
  builder.set_place(before);
  std::vector<NodeId> outputs;
  for (const Output &output : function.outputs) outputs.push_back(node[output.node]);
  return outputs;
}

} // namespace nnc::passes
