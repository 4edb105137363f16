#include "passes/lift.h"

#include "ir/functions.h"
#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

/// Of a function that an operation runs.
Function lift_function(const Function &function, const std::vector<bool> &lifted, Extent size, bool mini_batch) {
  return lift(function, lifted, size, {.mini_batch = mini_batch, .lift_all_outputs = false});
}

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
    bool any = options.mini_batch && is_across_examples(from);
    for (NodeId operand : from.operands) {
      operands.push_back(node[operand]);
      operand_lifted.push_back(lifted[operand]);
      any = any || lifted[operand];
    }
    if (any)
      return record(from.op).batch({builder, from, from.type, operands, operand_lifted, size, options.mini_batch, lift_function});
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

} // namespace nnc::passes
