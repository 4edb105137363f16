// Reports whose own expression holds sums over the whole pass: each sum is accumulated behind the reports, and the graph of what is made of them is
// cut there and becomes the function `report`.

#include "frontend/program_builder.h"

#include "ir/op.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::NodeId;
using ir::Op;

namespace {

int64_t elements_of(const ir::Type &type) {
  ir::Count count;
  ir::product(type.dims, count);
  return count.count;
}

std::string types_of(TrainWalk &walk, const TrainWalk::Result &result) {
  std::string text;
  for (NodeId sum : result.sums) text += ir::to_string(walk.frame.function().type(sum));
  return text;
}

} // namespace

std::vector<NodeId> pass_sums(const ir::Function &function, NodeId root) {
  std::vector<NodeId> sums;
  const std::vector<bool> needed = needed_by(function, {root});
  for (NodeId id = 0; id < function.nodes.size(); ++id)
    if (needed[id] && function[id].op == Op::pass_sum) sums.push_back(id);
  return sums;
}

/// What the runtime sums over the pass for the reports of `walk`, behind the reports themselves.
ProgramBuilder::Outputs ProgramBuilder::sum_outputs(TrainWalk &walk) {
  Outputs outputs;
  const ir::Function &function = walk.frame.function();
  auto slot = static_cast<int>(walk.reports.size());
  for (const TrainWalk::Result &report : walk.reports)
    for (NodeId sum : report.sums) {
      outputs.push_back({ir::OutputKind::report, slot, report.name, function[sum].operands[0]});
      slot += static_cast<int>(elements_of(function.type(sum)));
    }
  return outputs;
}

/// The reports of the pass, of its sums. Those of validation are made of its own sums in the same way.
void ProgramBuilder::build_report() {
  const ir::Function &graph = training->frame.function();
  std::vector<NodeId> made(graph.nodes.size(), ir::no_node);
  std::vector<bool> needed(graph.nodes.size(), false);
  ir::Function function;
  function.name = "report";
  ir::Builder builder(function);
  for (size_t i = 0; i < training->reports.size(); ++i) {
    const TrainWalk::Result &report = training->reports[i];
    if (report.sums.empty()) continue;
    needed[training->frame.use(report.value)] = true;
    program.reports_of_pass.push_back(static_cast<int>(i));
    if (types_of(*training, report) != types_of(*validation, validation->reports[i]))
      elaborator.diagnostics().report(K::report_of_pass, elaborator.source_map().span(report.place), report.name,
                                      "what is another while training than in validation");
    for (NodeId sum : report.sums) {
      const ir::Type &type = graph.type(sum);
      builder.set_place(graph[sum].place);
      const NodeId input =
          builder.input({ir::InputKind::setting, program.sums, report.name, ir::no_node}, {ir::Elem::f64, type.dims});
      made[sum] = builder.convert(input, type.elem);
      program.sums += static_cast<int>(elements_of(type));
    }
  }
  for (NodeId id = static_cast<NodeId>(needed.size()); id-- > 0;)
    if (needed[id] && made[id] == ir::no_node)
      for (NodeId operand : graph[id].operands) needed[operand] = true;
  for (NodeId id = 0; id < needed.size(); ++id) {
    if (!needed[id] || made[id] != ir::no_node) continue;
    const ir::Node &node = graph[id];
    builder.set_place(node.place);
    if (node.op == Op::input) {
      ir::Input input = graph.inputs[std::get<ir::InputAttributes>(node.attributes).number];
      if (input.kind == ir::InputKind::tensor) input.slot = numbers.tensors.at(input.slot);
      made[id] = builder.input({input.kind, input.slot, input.name, ir::no_node}, node.type);
      continue;
    }
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(made[operand]);
    made[id] =
        builder.add_node(node.op, std::move(operands), node.attributes, ir::record(node.op).declared_type ? &node.type : nullptr);
  }
  for (int i : program.reports_of_pass)
    builder.output({ir::OutputKind::report, i, training->reports[i].name, made[training->frame.use(training->reports[i].value)]});
  program.report = std::move(function);
}

} // namespace nnc::frontend
