#include "passes/rewrite.h"

#include "ir/op.h"

#include <fmt/format.h>

namespace nnc::passes {

using namespace ir;

namespace {

constexpr int most_sweeps = 50;       // over the graph
constexpr int most_replacements = 50; // of one node in one sweep

/// Moves a function node by node into a new one; `map` gives each old node's new one.
struct Move {
  Function old;
  Function result;
  Builder builder{result};
  std::vector<NodeId> map;

  explicit Move(Function from) : old(std::move(from)), map(old.nodes.size(), no_node) {
    result.name = old.name;
    result.nodes.reserve(old.nodes.size());
  }

  /// Once for each node.
  NodeId node(NodeId id) {
    Node &from = old.nodes[id];
    builder.set_place(from.place);
    if (from.op == Op::input) {
      const Input &input = old.inputs[std::get<InputAttributes>(from.attributes).number];
      return builder.input({input.kind, input.slot, input.name, no_node}, from.type);
    }
    for (NodeId &operand : from.operands) operand = map[operand];
    result.nodes.push_back(std::move(from));
    return static_cast<NodeId>(result.nodes.size() - 1);
  }

  Function finish() {
    for (Output &output : old.outputs) {
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
      next = rule->apply(b, id);
      if (next == no_node) continue;
      if (b.type(next) != b.type(id))
        throw InternalError(fmt::format("rule '{}' makes {} of {}", rule->name, to_string(b.type(next)), to_string(b.type(id))));
      break;
    }
    if (next == no_node) return id;
    changed = true;
    id = next;
  }
  return id;
}

} // namespace

Function without_dead_nodes(Function function) {
  std::vector<bool> used(function.nodes.size(), false);
  for (const Output &output : function.outputs) used[output.node] = true;
  for (const Input &input : function.inputs)
    if (input.kind == InputKind::argument) used[input.node] = true;
  for (NodeId id = static_cast<NodeId>(function.nodes.size()); id-- > 0;)
    if (used[id])
      for (NodeId operand : function[id].operands) used[operand] = true;
  Move move(std::move(function));
  // Inputs keep their order, which may differ from that of their nodes.
  for (const Input &input : move.old.inputs)
    if (used[input.node]) move.map[input.node] = move.node(input.node);
  for (NodeId id = 0; id < used.size(); ++id)
    if (used[id] && move.old[id].op != Op::input) move.map[id] = move.node(id);
  return move.finish();
}

Function rewrite(Function function, std::span<const Rule> table) {
  RulesOf rules(256);
  for (const Rule &rule : table) rules[static_cast<size_t>(rule.op)].push_back(&rule);
  Function current = without_dead_nodes(std::move(function));
  bool changed = true;
  for (int sweep = 0; changed && sweep < most_sweeps; ++sweep) {
    changed = false;
    Move move(std::move(current));
    for (NodeId id = 0; id < move.map.size(); ++id) {
      NodeId made = move.node(id);
      move.map[id] = settle(move.builder, made, rules, changed);
    }
    current = without_dead_nodes(move.finish());
  }
  return current;
}

std::optional<double> splat(const Function &function, NodeId id) {
  if (function[id].op != Op::constant) return std::nullopt;
  const auto &values = attributes<ConstantAttributes>(function, id).values;
  return values.size() == 1 ? std::optional(values[0]) : std::nullopt;
}

} // namespace nnc::passes
