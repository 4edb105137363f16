#include "codegen/make_entry.h"

#include "codegen/body.h"
#include "codegen/example_runs.h"
#include "codegen/fit_contractions.h"
#include "codegen/moved_stores.h"
#include "codegen/plan.h"
#include "codegen/row_scratch.h"
#include "codegen/schedule.h"
#include "codegen/slabs.h"
#include "ir/builder.h"
#include "ir/window_sum.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnc::codegen {
namespace {

using ir::NodeId;
using ir::Op;

/// Puts a copy behind every data source, so that a batch can be brought together where a matrix product needs it, and behind every
/// output that no kernel would compute (a leaf, a view, or one that has kernels of its own kind). Adjoints of values' own are done with; what
/// windows spread is summed by reading. `is_home`: the outputs whose buffer is the node's own memory, so that a kernel of any kind may write them.
ir::Function prepare(const ir::Function &function, const std::vector<bool> &is_home = {}) {
  ir::Function result;
  ir::Builder builder(result);
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
    if (node.op == Op::custom) continue;
    if (node.op == Op::part && function[node.operands[0]].op == Op::custom) {
      renamed[id] = renamed[function[node.operands[0]].operands[std::get<ir::PartAttributes>(node.attributes).number]];
      continue;
    }
    for (NodeId &operand : node.operands) operand = renamed[operand];
    if (auto *window = std::get_if<ir::WindowAttributes>(&node.attributes); window && node.op == Op::window_add) {
      builder.set_place(node.place);
      renamed[id] = plain_window_add(builder, node.operands[0], *window, node.type.dims);
      continue;
    }
    renamed[id] = append(node);
    if (node.op != Op::input) continue;
    ir::Input &input = result.inputs[std::get<ir::InputAttributes>(node.attributes).number];
    input.node = renamed[id];
    if (input.kind == ir::InputKind::source) renamed[id] = copy_of(renamed[id]);
  }
  for (size_t i = 0; i < function.outputs.size(); ++i) {
    ir::Output output = function.outputs[i];
    const bool is_only = std::count_if(function.outputs.begin(), function.outputs.end(),
                                       [&](const ir::Output &other) { return other.node == output.node; }) == 1;
    output.node = renamed[output.node];
    const Op op = result.nodes[output.node].op;
    const bool is_stored =
        std::holds_alternative<ir::ScalarBody>(record(op).kernel) || op == Op::reduce || op == Op::argreduce || op == Op::dot;
    const bool is_at_home = !is_home.empty() && is_home[i] && is_only && has_own_operands(op);
    if (!is_stored && !is_at_home) output.node = copy_of(output.node);
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

namespace {

/// The kernels and loops of a graph: an entry's, or a loop's body.
class EntryBuilder {
public:
  EntryBuilder(Entry &entry, const Layout &layout) : entry_(entry), layout_(layout) {}

  std::vector<Task> build(const ir::Function &function, const Memory &memory, const std::vector<BufferId> &outputs) {
    std::vector<Task> tasks;
    for (const Group &group : fuse(function, memory)) {
      if (group.kind == GroupKind::loop)
        add_loop(tasks, function, memory, group);
      else
        for (Kernel &kernel : build_kernels(function, memory, layout_, group, outputs))
          tasks.push_back({std::move(kernel), -1, {}, {}});
    }
    return tasks;
  }

private:
  BufferId add(Buffer buffer) {
    entry_.buffers.push_back(std::move(buffer));
    return static_cast<BufferId>(entry_.buffers.size() - 1);
  }

  /// The rows of a tensor, one a turn of `loop`.
  MemoryView rows_of(const MemoryView &view, int loop, const ir::ScanAttributes &scan) {
    Buffer row = entry_.buffers[view.buffer];
    row.within = view.buffer;
    if (row.whole < 0) row.whole = view.buffer;
    const Size last = view.strides[0] * Size(scan.turns - 1);
    row.start = row.start + view.start + (scan.backwards ? last : Size(0));
    row.moves.emplace_back(loop, scan.backwards ? view.strides[0] * Size(-1) : view.strides[0]);
    row.label += "[turn]";
    return {add(std::move(row)), 0, {view.strides.begin() + 1, view.strides.end()}, -1};
  }

  /// A copy of what is carried at first, then the loop over the body's kernels.
  void add_loop(std::vector<Task> &tasks, const ir::Function &function, const Memory &memory, const Group &group) {
    const ir::Node &node = function[group.scan];
    const auto &scan = std::get<ir::ScanAttributes>(node.attributes);
    const int number = static_cast<int>(entry_.loops.size());
    entry_.loops.push_back({scan.turns, 0, 0});
    std::vector<std::optional<MemoryView>> results(node.type.parts.size());
    for (const Member &member : group.members)
      results[std::get<ir::PartAttributes>(function[member.node].attributes).number] = memory.view(member.node);

    Task loop{{}, number, {}, {}};
    std::vector<BufferId> targets(results.size(), -1); // where the body's results go
    std::vector<bool> is_wanted;
    for (const auto &result : results) is_wanted.push_back(result.has_value());
    for (const CarriedRows &rows : carried_rows(scan, is_wanted))
      for (const auto *numbers : {&rows.before, &rows.after})
        for (int result : *numbers) is_wanted[result] = false;
    Surroundings around;
    for (size_t i = 0; i < node.operands.size(); ++i) {
      const NodeId operand = node.operands[i];
      if (i >= static_cast<size_t>(scan.carries)) {
        const bool sequence = i < static_cast<size_t>(scan.carries + scan.sequences);
        around.arguments.push_back(sequence ? rows_of(*memory.view(operand), number, scan) : *memory.view(operand));
        continue;
      }
      const ir::Type &type = function.type(operand);
      if (const BufferId rows = memory.rows_of_carry(group.scan, static_cast<int>(i)); rows >= 0) {
        MemoryView before{rows, 0, row_major_strides(type.dims), -1}, after = before;
        before.strides.insert(before.strides.begin(), element_count(type.dims)), after.strides = before.strides;
        (scan.backwards ? before : after).start = element_count(type.dims);
        Access first{rows, scan.backwards ? element_count(type.dims) * Size(scan.turns) : Size(0), {}, {}};
        tasks.push_back({build_copy(function, memory, layout_, operand, first), -1, {}, {}});
        around.arguments.push_back(rows_of(before, number, scan));
        targets[i] = rows_of(after, number, scan).buffer;
      } else {
        targets[i] = results[i] ? results[i]->buffer
                                : add({Space::arena, 0, 0, type.elem, element_count(type.dims), fmt::format("carried {}", i)});
        tasks.push_back({build_copy(function, memory, layout_, operand, {targets[i], 0, {}, {}}), -1, {}, {}});
        around.arguments.push_back({targets[i], 0, row_major_strides(type.dims), -1});
        loop.carried.insert(targets[i]);
      }
      is_wanted[i] = true;
    }
    for (size_t i = static_cast<size_t>(scan.carries); i < results.size(); ++i)
      if (is_wanted[i]) targets[i] = rows_of(*results[i], number, scan).buffer;

    ir::Function body = *scan.body;
    size_t next = 0;
    std::erase_if(body.outputs, [&](const ir::Output &) { return !is_wanted[next++]; });
    std::erase(targets, -1);
    std::vector<bool> is_home; // a result lies where it is collected from the first
    for (BufferId target : targets) is_home.push_back(entry_.buffers[target].within >= 0);
    const ir::Function prepared = prepare(body, is_home);
    for (size_t i = 0; i < targets.size(); ++i)
      if (is_home[i]) around.homes.emplace(prepared.outputs[i].node, targets[i]);
    const Memory inside(prepared, layout_, entry_, &around);
    loop.body = build(prepared, inside, targets);
    tasks.push_back(std::move(loop));
  }

  Entry &entry_;
  const Layout &layout_;
};

} // namespace

static const char *kind_of(const Kernel &kernel) {
  bool rows = false;
  for (const Stage &stage : kernel.stages) rows |= !stage.axes.empty();
  return !kernel.steps.empty() ? "slabs"
         : kernel.contraction  ? "contraction"
         : kernel.ordering     ? "ordering"
         : rows                ? "row"
                               : "map";
}

void finish_entry(Entry &entry) {
  for (size_t number = 0; number < entry.kernels.size(); ++number) {
    Kernel &kernel = entry.kernels[number];
    kernel.name = fmt::format("{}_{}_{}", entry.name, number, kind_of(kernel));
    size_t part_number = 0;
    for (Step &step : kernel.steps)
      for (Kernel &part : step.kernels)
        part.name = fmt::format("{}_{}.{}_{}", entry.name, number, part_number++, kind_of(part)), part.barrier_before = false;
  }
  if (std::string wrong = verify(entry); !wrong.empty())
    throw ir::InternalError(fmt::format("kernels of `{}`: {}\n{}", entry.name, wrong, print(entry)));
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
  std::vector<Task> tasks = EntryBuilder(entry, layout).build(function, memory, outputs);
  drop_dead_stores(tasks, entry.buffers);
  store_in_place_of_copies(tasks, entry.buffers);
  form_slabs(tasks, entry, options.slabs);
  join_by_example(tasks, entry);
  fit_contractions(tasks, entry, processor(options.target));
  keep_rows(tasks, entry);
  schedule(std::move(tasks), entry);
  plan_memory(entry);
  place_barriers(entry);
  finish_entry(entry);
  return entry;
}

} // namespace nnc::codegen
