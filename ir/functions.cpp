#include "ir/functions.h"

#include "ir/affine.h"
#include "ir/op.h"

#include <algorithm>
#include <fmt/format.h>

namespace nnc::ir {

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

bool is_same_for_all(Op op) { return op == Op::batch_sum || op == Op::batch_all || op == Op::pass_sum; }

bool is_across_examples(const Node &node) {
  if (std::holds_alternative<AcrossExamples>(record(node.op).kernel)) return true;
  const auto *body = function_of(node.attributes);
  return body && std::any_of((*body)->nodes.begin(), (*body)->nodes.end(), is_across_examples);
}

void change_bodies(Function &function, const std::function<Function(const Function &)> &change) {
  for (Node &node : function.nodes)
    if (auto *body = function_of(node.attributes)) *body = std::make_shared<const Function>(change(**body));
}

std::vector<bool> reached_from(const Function &function, const std::vector<bool> &marked, bool by_gradient) {
  std::vector<bool> reached(function.nodes.size(), false);
  for (size_t i = 0; i < function.inputs.size(); ++i)
    if (marked[i] && (!by_gradient || is_float(function.type(function.inputs[i].node).elem)))
      reached[function.inputs[i].node] = true;
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const Node &node = function[id];
    if (by_gradient && !passes_gradient(node)) continue;
    for (NodeId operand : node.operands)
      if (reached[operand]) reached[id] = true;
  }
  return reached;
}

std::vector<bool> operands_of_part(const Node &scan, int64_t number, bool (*except)(Op)) {
  const auto &attributes = std::get<ScanAttributes>(scan.attributes);
  const Function &body = *attributes.body;
  std::vector<bool> wanted(body.outputs.size(), false), used(body.inputs.size(), false);
  wanted[number] = true;
  for (bool changed = true; changed;) {
    std::vector<bool> needed(body.nodes.size(), false);
    for (size_t i = 0; i < wanted.size(); ++i)
      if (wanted[i]) needed[body.outputs[i].node] = true;
    for (NodeId id = static_cast<NodeId>(body.nodes.size()); id-- > 0;)
      if (needed[id] && !except(body[id].op))
        for (NodeId operand : body[id].operands) needed[operand] = true;
    changed = false;
    for (size_t i = 0; i < body.inputs.size(); ++i) {
      used[i] = needed[body.inputs[i].node];
      if (i < static_cast<size_t>(attributes.carries) && used[i] && !wanted[i]) wanted[i] = changed = true;
    }
  }
  if (number < attributes.carries) used[number] = true; // its first value
  return used;
}

void spread_over_turns(const ScanAttributes &scan, std::vector<bool> &marked, bool by_gradient) {
  for (bool changed = true; changed;) {
    changed = false;
    const std::vector<bool> reached = reached_from(*scan.body, marked, by_gradient);
    for (int64_t carry = 0; carry < scan.carries; ++carry) {
      if (marked[carry] || !reached[scan.body->outputs[carry].node]) continue;
      marked[carry] = changed = true;
    }
  }
}

} // namespace nnc::ir
