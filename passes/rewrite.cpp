#include "passes/rewrite.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

constexpr int most_sweeps = 50;       // over the graph
constexpr int most_replacements = 50; // of one node in one sweep

/// Copies a function node by node; `map` gives each old node's new one.
struct Copy {
  const Function &old;
  Function result;
  Builder builder{result};
  std::vector<NodeId> map;

  explicit Copy(const Function &old) : old(old), map(old.nodes.size(), no_node) { result.name = old.name; }

  NodeId node(NodeId id) {
    const Node &from = old[id];
    builder.set_place(from.place);
    if (from.op == Op::input) {
      const Input &input = old.inputs[std::get<InputAttributes>(from.attributes).number];
      return builder.input({input.kind, input.slot, input.name, no_node}, from.type);
    }
    std::vector<NodeId> operands;
    for (NodeId operand : from.operands) operands.push_back(map[operand]);
    result.nodes.push_back({from.op, from.type, std::move(operands), from.attributes, from.place});
    return static_cast<NodeId>(result.nodes.size() - 1);
  }

  Function finish() {
    for (Output output : old.outputs) {
      output.node = map[output.node];
      builder.output(std::move(output));
    }
    return std::move(result);
  }
};

using RulesOf = std::vector<std::vector<const Rule *>>; // by operation

/// The node after all rules that apply to it and to what takes its place.
NodeId settle(Builder &b, NodeId id, const RulesOf &rules, bool &changed) {
  for (int i = 0; i < most_replacements; ++i) {
    NodeId next = no_node;
    for (const Rule *rule : rules[static_cast<size_t>(b.function()[id].op)]) {
      Type type = b.type(id);
      next = rule->apply(b, id);
      if (next == no_node) continue;
      if (b.type(next) != type)
        throw InternalError(fmt::format("rule '{}' makes {} of {}", rule->name, to_string(b.type(next)), to_string(type)));
      break;
    }
    if (next == no_node) return id;
    changed = true;
    id = next;
  }
  return id;
}

} // namespace

Function without_dead_nodes(const Function &function) {
  std::vector<bool> used(function.nodes.size(), false);
  for (const Output &output : function.outputs) used[output.node] = true;
  for (const Input &input : function.inputs)
    if (input.kind == InputKind::argument) used[input.node] = true;
  for (NodeId id = static_cast<NodeId>(function.nodes.size()); id-- > 0;)
    if (used[id])
      for (NodeId operand : function[id].operands) used[operand] = true;
  Copy copy(function);
  // Inputs keep their order, which may differ from that of their nodes.
  for (const Input &input : function.inputs)
    if (used[input.node]) copy.map[input.node] = copy.node(input.node);
  for (NodeId id = 0; id < function.nodes.size(); ++id)
    if (used[id] && function[id].op != Op::input) copy.map[id] = copy.node(id);
  return copy.finish();
}

Function rewrite(const Function &function, std::span<const Rule> table) {
  RulesOf rules(256);
  for (const Rule &rule : table) rules[static_cast<size_t>(rule.op)].push_back(&rule);
  Function current = without_dead_nodes(function);
  bool changed = true;
  for (int sweep = 0; changed && sweep < most_sweeps; ++sweep) {
    changed = false;
    Copy copy(current);
    for (NodeId id = 0; id < current.nodes.size(); ++id) {
      NodeId made = copy.node(id);
      copy.map[id] = settle(copy.builder, made, rules, changed);
    }
    current = without_dead_nodes(copy.finish());
  }
  return current;
}

std::optional<double> splat(const Function &function, NodeId id) {
  if (function[id].op != Op::constant) return std::nullopt;
  const auto &values = attributes<ConstantAttributes>(function, id).values;
  return values.size() == 1 ? std::optional(values[0]) : std::nullopt;
}

} // namespace nnc::passes
