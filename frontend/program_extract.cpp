#include "frontend/program_extract.h"

#include "ir/functions.h"
#include "ir/op.h"
#include "passes/examples.h"

namespace nnc::frontend {

using ir::InputKind;
using ir::NodeId;
using ir::Op;

namespace {

constexpr size_t step_operand = 2; // of random_bits

int renumbered(const std::map<int, int> &numbers, int slot) {
  const auto found = numbers.find(slot);
  if (found == numbers.end()) throw ir::InternalError("program: a graph uses a tensor or source that the program does not have");
  return found->second;
}

ir::Input program_input(ir::Input input, const Renumbering &numbers) {
  if (input.kind == InputKind::tensor) input.slot = renumbered(numbers.tensors, input.slot);
  if (input.kind == InputKind::source) input.slot = renumbered(numbers.sources, input.slot);
  return input;
}

} // namespace

std::vector<bool> needed_by(const ir::Function &function, const std::vector<NodeId> &roots) {
  std::vector<bool> needed(function.nodes.size(), false);
  for (NodeId root : roots) needed[root] = true;
  for (size_t id = needed.size(); id-- > 0;)
    if (needed[id])
      for (NodeId operand : function.nodes[id].operands) needed[operand] = true;
  return needed;
}

std::set<int> input_slots(const ir::Function &function, InputKind kind) {
  std::set<int> slots;
  for (const ir::Input &input : function.inputs)
    if (input.kind == kind) slots.insert(input.slot);
  return slots;
}

ir::Function extract(const ir::Function &graph, const std::string &name, const std::vector<ir::Output> &outputs,
                     const Renumbering &numbers, ExtractMode mode) {
  std::vector<NodeId> roots;
  for (const ir::Output &output : outputs) roots.push_back(output.node);
  for (const ir::Input &input : graph.inputs)
    if (input.kind == InputKind::argument) roots.push_back(input.node); // of the body of a loop
  const std::vector<bool> needed = needed_by(graph, roots);

  ir::Function function;
  function.name = name;
  ir::Builder builder(function);
  std::vector<NodeId> made(graph.nodes.size(), ir::no_node);
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    if (!needed[id]) continue;
    const ir::Node &node = graph[id];
    builder.set_place(node.place);
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(made[operand]);
    if (node.op == Op::input) {
      const ir::Input &input = graph.inputs[std::get<ir::InputAttributes>(node.attributes).number];
      if (mode == ExtractMode::alone && input.kind == InputKind::examples) {
        made[id] = builder.constant(node.type, 1.0);
        continue;
      }
      made[id] = builder.input(program_input(input, numbers), node.type);
      continue;
    }
    if (mode != ExtractMode::as_it_is && node.op == Op::random_bits) operands[step_operand] = builder.constant(node.type, 0.0);
    made[id] =
        builder.add_node(node.op, std::move(operands), node.attributes, ir::record(node.op).declared_type ? &node.type : nullptr);
  }
  for (ir::Output output : outputs) {
    output.node = made[output.node];
    if (output.kind == ir::OutputKind::tensor) output.slot = renumbered(numbers.tensors, output.slot);
    builder.output(std::move(output));
  }
  if (mode != ExtractMode::as_it_is)
    ir::change_bodies(
        function, [&](const ir::Function &body) { return extract(body, body.name, body.outputs, {}, ExtractMode::evaluation); });
  return mode == ExtractMode::alone ? passes::alone(function) : function;
}

} // namespace nnc::frontend
