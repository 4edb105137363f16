#include "codegen/make_entry.h"

#include "codegen/body.h"
#include "codegen/plan.h"
#include "codegen/schedule.h"
#include "ir/builder.h"

#include <fmt/format.h>

namespace nnc::codegen {
namespace {

using ir::NodeId;
using ir::Op;

/// Puts a copy behind every data source, so that a batch can be brought together where a matrix product needs it, and behind every
/// output that no kernel would compute (a leaf, a view, or one that has kernels of its own kind).
ir::Function prepare(const ir::Function &function) {
  ir::Function result;
  result.name = function.name;
  result.inputs = function.inputs;
  std::vector<NodeId> renamed(function.nodes.size());
  auto append = [&](ir::Node node) {
    result.nodes.push_back(std::move(node));
    return static_cast<NodeId>(result.nodes.size() - 1);
  };
  auto copy_of = [&](NodeId id) {
    return append({Op::copy, result.nodes[id].type, {id}, ir::NoAttributes{}, result.nodes[id].place});
  };
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    ir::Node node = function[id];
    for (NodeId &operand : node.operands) operand = renamed[operand];
    renamed[id] = append(node);
    if (node.op != Op::input) continue;
    ir::Input &input = result.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    input.node = renamed[id];
    if (input.kind == ir::InputKind::source) renamed[id] = copy_of(renamed[id]);
  }
  for (ir::Output output : function.outputs) {
    output.node = renamed[output.node];
    Op op = result.nodes[output.node].op;
    bool computed =
        std::holds_alternative<ir::ScalarBody>(record(op).kernel) || op == Op::reduce || op == Op::argreduce || op == Op::dot;
    if (!computed) output.node = copy_of(output.node);
    result.outputs.push_back(output);
  }
  return result;
}

Buffer output_buffer(const ir::Output &output, const ir::Type &type, const Layout &layout) {
  Size elements = element_count(type.dims);
  switch (output.kind) {
  case ir::OutputKind::tensor: {
    const TensorLayout &tensor = layout.tensors[output.slot];
    return {Space::state, output.slot, tensor.offset, tensor.type.elem, elements, tensor.name};
  }
  case ir::OutputKind::cost: return {Space::costs, 0, 0, ir::Elem::f64, elements, "costs"};
  case ir::OutputKind::report: return {Space::reports, 0, 0, ir::Elem::f64, elements, "reports"};
  case ir::OutputKind::check: return {Space::output, output.slot, 0, ir::Elem::f64, elements, output.name};
  default: return {Space::output, output.slot, 0, type.elem, elements, output.name};
  }
}

} // namespace

void place_tensors(Layout &layout) {
  int64_t offset = 0;
  for (TensorLayout &tensor : layout.tensors) {
    tensor.offset = offset;
    int64_t bytes = element_count(tensor.type.dims).at(0) * ir::bytes(tensor.type.elem);
    offset += (bytes + 63) / 64 * 64;
  }
  layout.state_bytes = offset;
}

Entry make_entry(const ir::Function &graph, const Layout &layout, const EntryOptions &options) {
  Entry entry;
  entry.name = graph.name;
  entry.steps = options.steps;
  entry.costs = options.costs;
  entry.reports = options.reports;
  entry.data = layout.data;
  const ir::Function function = prepare(graph);
  const Memory memory(function, layout, entry);
  std::vector<BufferId> outputs;
  for (const ir::Output &output : function.outputs) {
    entry.buffers.push_back(output_buffer(output, function.type(output.node), layout));
    outputs.push_back(static_cast<BufferId>(entry.buffers.size() - 1));
  }
  for (const Group &group : fuse(function, memory))
    for (Kernel &kernel : build_kernels(function, memory, layout, group, outputs)) entry.kernels.push_back(std::move(kernel));
  drop_dead_stores(entry);
  schedule(entry);
  plan_memory(entry);
  place_barriers(entry);
  for (size_t number = 0; number < entry.kernels.size(); ++number) {
    Kernel &kernel = entry.kernels[number];
    bool rows = false;
    for (const Stage &stage : kernel.stages) rows |= !stage.axes.empty();
    const char *kind = kernel.contraction ? "contraction" : kernel.ordering ? "ordering" : rows ? "row" : "map";
    kernel.name = fmt::format("{}_{}_{}", entry.name, number, kind);
  }
  if (std::string wrong = verify(entry); !wrong.empty())
    throw ir::InternalError(fmt::format("kernels of `{}`: {}\n{}", entry.name, wrong, print(entry)));
  return entry;
}

} // namespace nnc::codegen
