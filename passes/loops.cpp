// Loops. What a turn does not need of the turns before it is done for all turns at once, before the loop or behind it: a product of a row with a matrix
// becomes one product of all rows. A loop that carries nothing vanishes so. What nobody uses is not carried, collected or handed in, and sums of
// what is collected are carried instead.

#include "passes/loop_rewrite.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/op.h"

#include <algorithm>
#include <map>

namespace nnc::passes {

using namespace ir;

namespace {

bool is_part(const Node &node) { return node.op == Op::part; }
int64_t part_number(const Node &node) { return std::get<PartAttributes>(node.attributes).number; }

/// Whether the node is the sum of its operand over the first axis.
bool is_sum_over_turns(const Node &node) {
  const auto *reduce = std::get_if<ReduceAttributes>(&node.attributes);
  return node.op == Op::reduce && reduce->kind == ReduceKind::add && reduce->axes == std::vector<int64_t>{0};
}

std::vector<PartUses> part_uses(const Function &function) {
  std::vector<PartUses> uses(function.nodes.size());
  auto mark = [&](NodeId id, bool is_sum) {
    const Node &part = function[id];
    if (!is_part(part)) return;
    PartUses &of = uses[part.operands[0]];
    of.summed[part_number(part)] = of.summed[part_number(part)] && is_sum;
    of.used[part_number(part)] = true;
  };
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const Node &node = function[id];
    uses[id].used.resize(node.type.parts.size(), false);
    uses[id].summed.resize(node.type.parts.size(), true);
    for (NodeId operand : node.operands) mark(operand, is_sum_over_turns(node));
  }
  for (const Output &output : function.outputs) mark(output.node, false);
  return uses;
}

/// What a loop carries in place of the node, a sum of what it collected.
NodeId carried_sum(const Function &function, const Node &node, const std::map<NodeId, RewrittenLoop> &rewrites) {
  if (!is_sum_over_turns(node) || !is_part(function[node.operands[0]])) return no_node;
  const Node &part = function[node.operands[0]];
  const auto found = rewrites.find(part.operands[0]);
  return found == rewrites.end() ? no_node : found->second.sums[part_number(part)];
}

} // namespace

Function loops(Function given) {
  const Function function = without_dead_nodes(std::move(given));
  if (std::none_of(function.nodes.begin(), function.nodes.end(),
                   [](const Node &node) { return node.op == Op::scan || node.op == Op::custom; }))
    return function;
  const std::vector<PartUses> uses = part_uses(function);

  Function result;
  result.name = function.name;
  Builder builder(result);
  std::vector<NodeId> map(function.nodes.size(), no_node);
  std::map<NodeId, RewrittenLoop> rewrites;     // of each scan
  std::map<NodeId, std::vector<NodeId>> values; // of each operation with an adjoint of its own
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const Node &node = function[id];
    builder.set_place(node.place);
    if (node.op == Op::input) {
      map[id] = builder.input(function.inputs[std::get<InputAttributes>(node.attributes).number], node.type);
      continue;
    }
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(map[operand]);
    if (node.op == Op::custom) { // differentiation is over
      values[id] = operands;
    } else if (node.op == Op::scan) {
      rewrites[id] = rewrite_loop(builder, node, operands, uses[id]);
    } else if (is_part(node)) {
      const NodeId whole = node.operands[0];
      map[id] = values.contains(whole) ? values.at(whole)[part_number(node)] : rewrites.at(whole).results[part_number(node)];
    } else if (const NodeId sum = carried_sum(function, node, rewrites); sum != no_node) {
      map[id] = sum;
    } else {
      map[id] = builder.add_node(node.op, operands, node.attributes, record(node.op).declared_type ? &node.type : nullptr);
    }
  }
  // Inputs keep their order, which may differ from that of their nodes.
  std::vector<Input> inputs;
  for (const Input &input : function.inputs) {
    inputs.push_back(input);
    inputs.back().node = map[input.node];
    std::get<InputAttributes>(result.nodes[map[input.node]].attributes).number = static_cast<int64_t>(inputs.size()) - 1;
  }
  result.inputs = inputs;
  for (Output output : function.outputs) {
    output.node = map[output.node];
    builder.output(output);
  }
  return without_dead_nodes(std::move(result));
}

} // namespace nnc::passes
