#include "passes/loop_rewrite.h"

#include "passes/lift.h"
#include "passes/rewrite.h"

#include "ir/functions.h"
#include "ir/op.h"

#include <algorithm>
#include <array>
#include <map>

namespace nnc::passes {

using namespace ir;

namespace {

/// What is moved out of a loop may make at most this many elements that the loop would not have kept.
constexpr double most_moved_elements = 1 << 26;

/// Work that gains from being done for all turns at once.
bool is_heavy(const Node &node) {
  switch (node.op) {
  case Op::dot:
  case Op::gather:
  case Op::scatter_add:
  case Op::window_add:
  case Op::scan: return true;
  default: return false;
  }
}

/// A scan under change: operands with what they are to the body, and where its results are used.
struct Loop {
  struct Operand {
    NodeId outer, inside; // in the function around; in the body
  };
  int64_t turns;
  bool backwards;
  Function body; // without outputs
  std::vector<Operand> carried, rows, same;
  std::vector<NodeId> next;      // of what is carried: the node after a turn
  std::vector<NodeId> collected; // nodes of the body

  /// The nodes of the body that depend on one of the inputs.
  std::vector<bool> reached_by(const std::vector<const std::vector<Operand> *> &lists) const {
    std::vector<bool> marked(body.inputs.size(), false);
    for (const auto *list : lists)
      for (const Operand &operand : *list) marked[std::get<InputAttributes>(body[operand.inside].attributes).number] = true;
    return reached_from(body, marked, false);
  }
  /// The nodes that one of `roots` needs.
  std::vector<bool> needed_by(const std::vector<NodeId> &roots) const {
    std::vector<bool> needed(body.nodes.size(), false);
    for (NodeId root : roots) needed[root] = true;
    for (NodeId id = static_cast<NodeId>(body.nodes.size()); id-- > 0;)
      if (needed[id])
        for (NodeId operand : body[id].operands) needed[operand] = true;
    return needed;
  }
};

/// The way of one scan from the old function to the new one.
class LoopRewrite {
public:
  LoopRewrite(Builder &builder, const Node &scan, const std::vector<NodeId> &operands, const PartUses &uses)
      : b(builder), results(scan.type.parts.size(), no_node), sums(results), wanted(uses.used), summed(uses.summed) {
    const auto &attributes = std::get<ScanAttributes>(scan.attributes);
    loop.turns = attributes.turns, loop.backwards = attributes.backwards, loop.body = *attributes.body;
    outputs = loop.body.outputs;
    loop.body.outputs.clear();
    carries = static_cast<size_t>(attributes.carries);
    for (size_t i = 0; i < operands.size(); ++i) {
      const Loop::Operand operand{operands[i], loop.body.inputs[i].node};
      (i < carries                                               ? loop.carried
       : i < carries + static_cast<size_t>(attributes.sequences) ? loop.rows
                                                                 : loop.same)
          .push_back(operand);
    }
  }

  void run() {
    choose_carried();
    spread_constants();
    move_ahead();
    move_behind();
    take_inputs();
    carry_sums();
    rebuild();
  }
  RewrittenLoop rewritten() const { return {results, sums}; }

private:
  Builder &b;
  Loop loop;
  std::vector<Output> outputs; // of the old body
  size_t carries;
  std::vector<NodeId> results, sums;
  std::vector<bool> wanted, summed;
  std::vector<NodeId *> carried_results;          // where the last value of each thing that is carried goes
  std::vector<std::pair<size_t, NodeId>> in_loop; // (old result, node of the body) collected by the loop

  /// What is carried only where a wanted result needs it in some turn.
  void choose_carried() {
    std::vector<bool> live(carries, false);
    for (size_t i = 0; i < carries; ++i) live[i] = wanted[i];
    std::vector<NodeId> roots;
    for (size_t i = carries; i < outputs.size(); ++i)
      if (wanted[i]) roots.push_back(outputs[i].node);
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<NodeId> all = roots;
      for (size_t i = 0; i < carries; ++i)
        if (live[i]) all.push_back(outputs[i].node);
      const std::vector<bool> needed = loop.needed_by(all);
      for (size_t i = 0; i < carries; ++i)
        if (!live[i] && needed[loop.carried[i].inside]) live[i] = changed = true;
    }
    std::vector<Loop::Operand> carried;
    for (size_t i = 0; i < carries; ++i) {
      if (!live[i]) continue;
      if (outputs[i].node == loop.carried[i].inside) { // the same in every turn
        loop.same.push_back(loop.carried[i]);
        results[i] = loop.carried[i].outer;
        continue;
      }
      carried_results.push_back(&results[i]);
      carried.push_back(loop.carried[i]);
      loop.next.push_back(outputs[i].node);
    }
    loop.carried = carried;
    for (size_t i = carries; i < outputs.size(); ++i)
      if (wanted[i]) in_loop.emplace_back(i, outputs[i].node);
  }

  /// Inputs of the body that are one number become constants of it, where its other operations can see them.
  void spread_constants() {
    std::map<NodeId, double> values; // input of the body, number
    auto take = [&](std::vector<Loop::Operand> &operands) {
      std::erase_if(operands, [&](const Loop::Operand &operand) {
        const auto value = splat(b.function(), operand.outer);
        if (value) values[operand.inside] = *value;
        return value.has_value();
      });
    };
    take(loop.same);
    take(loop.rows);
    if (values.empty()) return;
    for (const auto &[input, value] : values) {
      Node &node = loop.body.nodes[input];
      loop.body.inputs[std::get<InputAttributes>(node.attributes).number].node = no_node;
      node = {Op::constant, node.type, {}, ConstantAttributes{{value}}, node.place};
    }
    std::vector<Input> inputs;
    for (const Input &input : loop.body.inputs)
      if (input.node != no_node) {
        std::get<InputAttributes>(loop.body.nodes[input.node].attributes).number = static_cast<int64_t>(inputs.size());
        inputs.push_back(input);
      }
    loop.body.inputs = inputs;
  }

  /// Evaluates nodes of the body for all turns at once: `of` reads inputs of the body, for which `outer` has the values (rows marked). Gives the nodes in the
  /// function around, and whether each has the turns in front.
  std::vector<std::pair<NodeId, bool>> for_all_turns(const std::vector<NodeId> &of, const std::vector<Loop::Operand> &rows,
                                                     const std::vector<Loop::Operand> &same) {
    Function part;
    Builder inside(part);
    std::map<NodeId, NodeId> map;
    std::vector<bool> marked;
    std::vector<NodeId> arguments;
    for (const auto *list : {&rows, &same})
      for (const Loop::Operand &operand : *list) {
        if (map.contains(operand.inside)) continue;
        map[operand.inside] = inside.input({InputKind::argument, static_cast<int>(part.inputs.size()), "", no_node},
                                           loop.body.type(operand.inside));
        marked.push_back(list == &rows);
        arguments.push_back(operand.outer);
      }
    std::vector<bool> needed(loop.body.nodes.size(), false);
    for (NodeId node : of) needed[node] = true;
    for (NodeId id = static_cast<NodeId>(loop.body.nodes.size()); id-- > 0;)
      if (needed[id] && !map.contains(id))
        for (NodeId operand : loop.body[id].operands) needed[operand] = true;
    for (NodeId id = 0; id < loop.body.nodes.size(); ++id) {
      if (!needed[id] || map.contains(id)) continue;
      const Node &node = loop.body[id];
      if (node.op == Op::input) throw InternalError("loops: an input of a body that has no value outside");
      std::vector<NodeId> operands;
      for (NodeId operand : node.operands) operands.push_back(map.at(operand));
      inside.set_place(node.place);
      map[id] = inside.add_node(node.op, operands, node.attributes, record(node.op).declared_type ? &node.type : nullptr);
    }
    for (NodeId node : of) inside.output({OutputKind::result, 0, "", map.at(node)});
    const Extent turns{loop.turns, false};
    const Function lifted = lift(part, marked, turns, {.mini_batch = false, .lift_all_outputs = false});
    const std::vector<NodeId> nodes = inline_function(b, lifted, arguments);
    std::vector<std::pair<NodeId, bool>> made;
    for (size_t i = 0; i < of.size(); ++i) made.emplace_back(nodes[i], b.type(nodes[i]).rank() > loop.body.type(of[i]).rank());
    return made;
  }

  /// What is computed from rows and what is the same, but not from what is carried, as far as it is worth it; all of it where nothing is carried.
  void move_ahead() {
    if (loop.carried.empty()) {
      std::vector<NodeId> nodes;
      for (const auto &[number, node] : in_loop) nodes.push_back(node);
      if (nodes.empty()) return;
      const auto made = for_all_turns(nodes, loop.rows, loop.same);
      for (size_t i = 0; i < made.size(); ++i) set_collected(in_loop[i].first, made[i]);
      in_loop.clear();
      return;
    }
    std::vector<NodeId> roots = loop.next;
    for (const auto &[number, node] : in_loop) roots.push_back(node);
    const std::vector<bool> needed = loop.needed_by(roots), late = loop.reached_by({&loop.carried});
    std::vector<bool> inner_use(loop.body.nodes.size(), false); // by what stays, or as a result
    for (NodeId root : roots) inner_use[root] = true;
    for (NodeId id = static_cast<NodeId>(loop.body.nodes.size()); id-- > 0;) {
      const bool stays = needed[id] && (late[id] || (inner_use[id] && !is_moved(id)));
      if (stays)
        for (NodeId operand : loop.body[id].operands) inner_use[operand] = true;
    }
    std::vector<NodeId> moved;
    double elements = 0;
    for (NodeId id = 0; id < loop.body.nodes.size(); ++id)
      if (needed[id] && !late[id] && inner_use[id] && is_moved(id)) {
        moved.push_back(id);
        elements += usual_elements(loop.body.type(id).dims);
      }
    if (moved.empty() || elements * static_cast<double>(loop.turns) > most_moved_elements) return;
    const auto made = for_all_turns(moved, loop.rows, loop.same);
    for (size_t i = 0; i < moved.size(); ++i) {
      make_input(moved[i]);
      (made[i].second ? loop.rows : loop.same).push_back({made[i].first, moved[i]});
    }
  }

  bool is_moved(NodeId id) const {
    const Node &node = loop.body[id];
    return !node.type.is_tuple() && (is_heavy(node) || node.op == Op::part);
  }

  /// The node becomes an input of the body.
  void make_input(NodeId id) {
    Node &node = loop.body.nodes[id];
    node = {Op::input, node.type, {}, InputAttributes{static_cast<int64_t>(loop.body.inputs.size())}, node.place};
    loop.body.inputs.push_back({InputKind::argument, static_cast<int>(loop.body.inputs.size()), "", id});
  }

  void set_collected(size_t number, std::pair<NodeId, bool> made) {
    results[number] = made.second ? made.first : b.broadcast_leading(made.first, {{loop.turns, false}});
  }

  /// Collected results that what is carried does not need, where heavy work makes them: the loop collects what that work reads, and the work is
  /// done behind it.
  void move_behind() {
    const std::vector<bool> core = loop.needed_by(loop.next);
    std::vector<bool> heavy(loop.body.nodes.size(), false); // it or something in its own cone is
    for (NodeId id = 0; id < loop.body.nodes.size(); ++id) {
      if (core[id]) continue;
      heavy[id] = is_heavy(loop.body[id]);
      for (NodeId operand : loop.body[id].operands) heavy[id] = heavy[id] || heavy[operand];
    }
    std::vector<std::pair<size_t, NodeId>> stay;
    std::vector<NodeId> tail;
    std::vector<size_t> numbers;
    for (const auto &[number, node] : in_loop) {
      if (heavy[node])
        numbers.push_back(number), tail.push_back(node);
      else
        stay.emplace_back(number, node);
    }
    if (tail.empty()) return;
    // Where the tail begins: nodes of the core and what is carried, then the loop's own inputs.
    std::vector<NodeId> boundary;
    std::vector<bool> seen(loop.body.nodes.size(), false);
    for (NodeId node : tail) seen[node] = true;
    for (NodeId id = static_cast<NodeId>(loop.body.nodes.size()); id-- > 0;) {
      if (!seen[id]) continue;
      const bool is_input = loop.body[id].op == Op::input;
      const bool is_carried = is_input && std::any_of(loop.carried.begin(), loop.carried.end(),
                                                      [&](const Loop::Operand &operand) { return operand.inside == id; });
      if (is_carried || (core[id] && !is_input && !loop.body[id].operands.empty()))
        boundary.push_back(id);
      else
        for (NodeId operand : loop.body[id].operands) seen[operand] = true;
    }
    double elements = 0;
    for (NodeId node : boundary) elements += usual_elements(loop.body.type(node).dims);
    for (NodeId node : tail)
      elements +=
          loop.body[node].op == Op::dot || loop.body[node].op == Op::scatter_add ? 0 : usual_elements(loop.body.type(node).dims);
    if (elements * static_cast<double>(loop.turns) > most_moved_elements) return;
    deferred = {numbers, tail, boundary};
    in_loop = stay;
  }

  /// Collected results that are what the loop is given.
  void take_inputs() {
    std::erase_if(in_loop, [&](const auto &collected) {
      const auto [number, node] = collected;
      for (const auto *list : {&loop.rows, &loop.same})
        for (const Loop::Operand &operand : *list)
          if (operand.inside == node) {
            set_collected(number, {operand.outer, list == &loop.rows});
            return true;
          }
      return false;
    });
  }

  /// Collected results of which only the sum over the turns is asked for.
  void carry_sums() {
    std::erase_if(in_loop, [&](const auto &collected) {
      const auto [number, node] = collected;
      if (!summed[number]) return false;
      const Type type = loop.body.type(node);
      Builder inside(loop.body);
      const NodeId before = inside.input({InputKind::argument, static_cast<int>(loop.body.inputs.size()), "", no_node}, type);
      loop.carried.push_back({b.constant(type, 0.0), before});
      loop.next.push_back(inside.add(before, node));
      carried_results.push_back(&sums[number]);
      return true;
    });
  }

  struct Deferred {
    std::vector<size_t> numbers;
    std::vector<NodeId> tail, boundary;
  };
  Deferred deferred;

  /// The scan of what is left.
  void rebuild() {
    std::vector<NodeId> roots = loop.next, collect;
    for (const auto &[number, node] : in_loop) collect.push_back(node);
    for (NodeId node : deferred.boundary) collect.push_back(node);
    roots.insert(roots.end(), collect.begin(), collect.end());
    std::vector<NodeId> parts;
    if (!roots.empty()) {
      const std::vector<bool> needed = loop.needed_by(roots);
      Function body;
      body.name = loop.body.name;
      Builder inside(body);
      std::map<NodeId, NodeId> map;
      std::vector<NodeId> operands;
      std::array<int64_t, 3> counts{};
      int list_number = 0;
      for (const auto *list : {&loop.carried, &loop.rows, &loop.same}) {
        std::map<NodeId, NodeId> known; // one input for one operand
        for (const Loop::Operand &operand : *list) {
          if (list_number > 0 && !needed[operand.inside]) continue;
          if (auto found = known.find(operand.outer); list_number > 0 && found != known.end()) {
            map[operand.inside] = found->second;
            continue;
          }
          inside.set_place(loop.body[operand.inside].place);
          map[operand.inside] = inside.input({InputKind::argument, static_cast<int>(body.inputs.size()), "", no_node},
                                             loop.body.type(operand.inside));
          known[operand.outer] = map[operand.inside];
          operands.push_back(operand.outer);
          ++counts[list_number];
        }
        ++list_number;
      }
      for (NodeId id = 0; id < loop.body.nodes.size(); ++id) {
        const Node &node = loop.body[id];
        if (!needed[id] || map.contains(id)) continue;
        std::vector<NodeId> of;
        for (NodeId operand : node.operands) of.push_back(map.at(operand));
        inside.set_place(node.place);
        map[id] = inside.add_node(node.op, of, node.attributes, record(node.op).declared_type ? &node.type : nullptr);
      }
      for (NodeId root : roots) inside.output({OutputKind::result, static_cast<int>(body.outputs.size()), "", map.at(root)});
      const NodeId scan = b.add_node(
          Op::scan, operands,
          ScanAttributes{loop.turns, counts[0], counts[1], loop.backwards, std::make_shared<const Function>(std::move(body))});
      for (size_t i = 0; i < roots.size(); ++i)
        parts.push_back(b.add_node(Op::part, {scan}, PartAttributes{static_cast<int64_t>(i)}));
    }
    for (size_t i = 0; i < carried_results.size(); ++i) *carried_results[i] = parts[i];
    for (size_t i = 0; i < in_loop.size(); ++i) results[in_loop[i].first] = parts[loop.next.size() + i];
    if (deferred.tail.empty()) return;
    std::vector<Loop::Operand> rows = loop.rows;
    for (size_t i = 0; i < deferred.boundary.size(); ++i)
      rows.insert(rows.begin(), {parts[loop.next.size() + in_loop.size() + i], deferred.boundary[i]});
    const auto made = for_all_turns(deferred.tail, rows, loop.same);
    for (size_t i = 0; i < made.size(); ++i) set_collected(deferred.numbers[i], made[i]);
  }
};

} // namespace

RewrittenLoop rewrite_loop(Builder &builder, const Node &scan, const std::vector<NodeId> &operands, const PartUses &uses) {
  LoopRewrite rewrite(builder, scan, operands, uses);
  rewrite.run();
  return rewrite.rewritten();
}

} // namespace nnc::passes
