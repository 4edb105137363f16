// Loops: `scan` runs a body turn after turn. Its adjoint is the scan that goes backwards over the values that the turns left.

#include "ir/evaluate.h"
#include "ir/family.h"
#include "ir/functions.h"

#include <algorithm>
#include <map>
#include <optional>

namespace nnc::ir {

namespace {

/// What an operand of a scan is to its body.
enum class Role { carry, sequence, same };

Role role_of(const ScanAttributes &scan, size_t operand) {
  if (operand < static_cast<size_t>(scan.carries)) return Role::carry;
  return operand < static_cast<size_t>(scan.carries + scan.sequences) ? Role::sequence : Role::same;
}

Type row_of(Type type) {
  type.dims.erase(type.dims.begin());
  return type;
}

Type scan_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &scan = std::get<ScanAttributes>(attributes);
  if (!scan.body) return fail(error, "has no body");
  const Function &body = *scan.body;
  const auto carries = static_cast<size_t>(scan.carries);
  if (scan.turns < 1 || scan.carries < 0 || scan.sequences < 0 || types.size() != body.inputs.size() ||
      types.size() < carries + static_cast<size_t>(scan.sequences) || body.outputs.size() < carries || body.outputs.empty())
    return fail(error, "{} turns, {} carried, {} sequences of {} operands; the body takes {} and gives {}", scan.turns,
                scan.carries, scan.sequences, types.size(), body.inputs.size(), body.outputs.size());
  for (size_t i = 0; i < types.size(); ++i) {
    const bool sequence = role_of(scan, i) == Role::sequence;
    if (sequence && (types[i]->dims.empty() || types[i]->dims[0] != Extent{scan.turns, false}))
      return fail(error, "sequence {} does not have {} rows", to_string(*types[i]), scan.turns);
    const Type wanted = sequence ? row_of(*types[i]) : *types[i];
    if (body.inputs[i].kind != InputKind::argument || body.type(body.inputs[i].node) != wanted)
      return fail(error, "input {} of the body is {}, not {}", i, to_string(body.type(body.inputs[i].node)), to_string(wanted));
  }
  Type result;
  for (size_t i = 0; i < body.outputs.size(); ++i) {
    Type type = body.type(body.outputs[i].node);
    if (i < carries && type != *types[i])
      return fail(error, "carried value {} is {} at first and {} after a turn", i, to_string(*types[i]), to_string(type));
    if (i >= carries) type.dims.insert(type.dims.begin(), Extent{scan.turns, false});
    result.parts.push_back(std::move(type));
  }
  return result;
}

/// How many bytes a turn's value takes in a mini-batch of the usual size.
double usual_bytes(const Type &type) { return bytes(type.elem) * usual_elements(type.dims); }

/// What the turns going backwards do: with ḡ the gradients of the carried values behind a turn and of what it collected, the body's own adjoint gives
/// those before it, and each turn's share for its rows and for what is the same in every turn, which are collected (the latter summed
/// afterwards, so that a matrix's gradient becomes one product over all turns). Of the forward values it needs, results of operations with kernels of
/// their own and the carried values are collected by the forward scan, which grows by those results; the rest is computed again. Where what is computed
/// from such results takes no more memory, it is collected in their place.
class ScanAdjoint {
public:
  explicit ScanAdjoint(const AdjointContext &c)
      : c_(c), b_(c.builder), scan_(c.attributes<ScanAttributes>()), body_(*scan_.body), joint_(body_), active_(c.wanted) {
    joint_.outputs.clear();
    for (size_t i = 0; i < active_.size(); ++i) active_[i] = active_[i] && is_float(c.type(i).elem);
    wanted_ = active_;
    spread_over_turns(scan_, active_, true);
  }

  std::vector<NodeId> build() {
    seed();
    std::vector<NodeId> of;
    for (size_t i = 0; i < active_.size(); ++i)
      if (active_[i]) of.push_back(joint_.inputs[i].node);
    if (seeds_.empty() || of.empty()) return std::vector<NodeId>(active_.size(), no_node);
    Builder joint(joint_);
    const std::vector<NodeId> found = c_.differentiate(joint, seeds_, of);
    take_over_growth();
    std::vector<NodeId> gradient(active_.size(), no_node); // in the joint graph
    for (size_t i = 0, next = 0; i < active_.size(); ++i)
      if (active_[i]) gradient[i] = found[next++];
    return scan_backwards(gradient);
  }

private:
  /// An operand of the adjoint scan, and the node of the joint graph that is its input in the adjoint's body.
  struct Operand {
    NodeId outer, joint;
  };

  NodeId argument(const Type &type) {
    Builder joint(joint_);
    return joint.input({InputKind::argument, static_cast<int>(joint_.inputs.size()), "", no_node}, type);
  }

  /// Inputs of the joint graph for the gradients of the body's results.
  void seed() {
    for (size_t i = 0; i < body_.outputs.size(); ++i) {
      const bool carry = i < static_cast<size_t>(scan_.carries);
      if (carry ? !active_[i] : c_.gradients[i] == no_node) continue;
      const Type type = body_.type(body_.outputs[i].node);
      NodeId outer = c_.gradients[i];
      if (outer == no_node) outer = b_.constant(type, 0.0);
      const Operand operand{outer, argument(type)};
      (carry ? carried_ : rows_).push_back(operand);
      seeds_.push_back({body_.outputs[i].node, operand.joint});
    }
  }

  /// Whether the value is cheaper to compute again than to keep from turn to turn.
  static bool is_cheap(const Node &node) {
    const KernelRule &kernel = record(node.op).kernel;
    return std::holds_alternative<ScalarBody>(kernel) || std::holds_alternative<View>(kernel) ||
           std::holds_alternative<Leaf>(kernel);
  }

  Function forward_body() const { return *std::get<ScanAttributes>(b_.function()[c_.node].attributes).body; }
  void set_forward_body(Function body) {
    std::get<ScanAttributes>(b_.function().nodes[c_.node].attributes).body = std::make_shared<const Function>(std::move(body));
  }

  /// Scans within the body have grown by what their own adjoints need.
  void take_over_growth() {
    Function body = forward_body();
    for (NodeId id = 0; id < body_.nodes.size(); ++id)
      if (joint_[id].op == Op::scan) body.nodes[id] = joint_[id];
    set_forward_body(std::move(body));
  }

  /// A value of the forward turn that is not in the body's text: what a scan within it has grown by.
  bool is_grown_part(NodeId id) const {
    return id >= body_.nodes.size() && joint_[id].op == Op::part && joint_[id].operands[0] < body_.nodes.size();
  }

  /// The value of a forward node for every turn: collected by the forward scan, once.
  NodeId collected(NodeId node) {
    Function body = forward_body();
    if (node >= body_.nodes.size()) {
      body.nodes.push_back(joint_[node]);
      node = static_cast<NodeId>(body.nodes.size() - 1);
    }
    size_t number = static_cast<size_t>(scan_.carries);
    while (number < body.outputs.size() && body.outputs[number].node != node) ++number;
    if (number == body.outputs.size()) {
      body.outputs.push_back({OutputKind::result, static_cast<int>(number), "", node});
      Node &grown = b_.function().nodes[c_.node];
      Type type = body.type(node);
      type.dims.insert(type.dims.begin(), Extent{scan_.turns, false});
      grown.type.parts.push_back(std::move(type));
      set_forward_body(std::move(body));
    }
    return b_.add_node(Op::part, {c_.node}, PartAttributes{static_cast<int64_t>(number)});
  }

  /// What `roots` need, down to the body's inputs and what is `kept`.
  std::vector<bool> needed_by(const std::vector<NodeId> &roots, const std::vector<bool> &kept) const {
    std::vector<bool> needed(joint_.nodes.size(), false);
    for (NodeId root : roots) needed[root] = true;
    for (NodeId id = static_cast<NodeId>(joint_.nodes.size()); id-- > 0;)
      if (needed[id] && !kept[id])
        for (NodeId operand : joint_[id].operands) needed[operand] = true;
    return needed;
  }

  /// The elementwise values of the body, among the needed ones, that are computed from a value or a view of it; nothing where that itself is asked
  /// for, or where they are of another kind.
  std::optional<std::vector<NodeId>> made_of(NodeId value, const std::vector<bool> &needed,
                                             const std::vector<NodeId> &roots) const {
    std::vector<bool> is_it(joint_.nodes.size(), false);
    std::vector<NodeId> made;
    is_it[value] = true;
    for (NodeId id = value + 1; id < joint_.nodes.size(); ++id) {
      const Node &node = joint_[id];
      if (!needed[id] || std::none_of(node.operands.begin(), node.operands.end(), [&](NodeId of) { return is_it[of]; })) continue;
      const KernelRule &kernel = record(node.op).kernel;
      if (id >= body_.nodes.size()) return std::nullopt;
      if (std::holds_alternative<View>(kernel))
        is_it[id] = true;
      else if (std::holds_alternative<ScalarBody>(kernel))
        made.push_back(id);
      else
        return std::nullopt;
    }
    if (std::any_of(roots.begin(), roots.end(), [&](NodeId root) { return is_it[root]; })) return std::nullopt;
    return made;
  }

  /// The body's values that are kept from turn to turn: at first those that are not cheap. What the forward scan has in rows anyway takes no more.
  std::vector<bool> choose_kept(const std::vector<NodeId> &roots) const {
    std::vector<bool> kept(joint_.nodes.size(), false), is_free = kept;
    for (NodeId id = 0; id < joint_.nodes.size(); ++id)
      kept[id] = (id < body_.nodes.size() && !is_cheap(joint_[id])) || is_grown_part(id);
    for (const Output &output : body_.outputs) is_free[output.node] = true;
    auto move_on = [&](NodeId value, const std::vector<bool> &needed) {
      if (!needed[value] || is_free[value] || joint_.type(value).is_tuple()) return false;
      const auto made = made_of(value, needed, roots);
      if (!made || made->empty()) return false;
      double more = 0;
      for (NodeId id : *made) more += is_free[id] || kept[id] ? 0 : usual_bytes(joint_.type(id));
      if (more > usual_bytes(joint_.type(value))) return false;
      kept[value] = false;
      for (NodeId id : *made) kept[id] = true;
      return true;
    };
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeId id = 0; id < body_.nodes.size(); ++id)
        if (kept[id]) changed = move_on(id, needed_by(roots, kept)) || changed;
    }
    return kept;
  }

  /// Sorts the forward values that `roots` need into operands, and marks what the adjoint's body computes itself.
  std::vector<bool> find_operands(const std::vector<NodeId> &roots) {
    const std::vector<bool> kept = choose_kept(roots);
    std::vector<bool> needed(joint_.nodes.size(), false);
    for (NodeId root : roots) needed[root] = true;
    std::map<NodeId, size_t> input_number;
    for (size_t i = 0; i < body_.inputs.size(); ++i) input_number[body_.inputs[i].node] = i;
    for (NodeId id = static_cast<NodeId>(joint_.nodes.size()); id-- > 0;) {
      if (!needed[id]) continue;
      const Node &node = joint_[id];
      if (auto input = input_number.find(id); input != input_number.end()) {
        const Role role = role_of(scan_, input->second);
        if (role == Role::carry)
          rows_.push_back({collected(id), id});
        else
          (role == Role::sequence ? rows_ : same_).push_back({c_.operand(input->second), id});
      } else if (kept[id]) {
        rows_.push_back({collected(id), id});
      } else {
        for (NodeId operand : node.operands) needed[operand] = true;
      }
    }
    return needed;
  }

  /// The part of the joint graph that is `needed`, from the operands to `roots`.
  Function adjoint_body(const std::vector<bool> &needed, const std::vector<NodeId> &roots) {
    Function made;
    made.name = body_.name;
    Builder b(made);
    std::map<NodeId, NodeId> map;
    for (const auto *operands : {&carried_, &rows_, &same_})
      for (const Operand &operand : *operands)
        map[operand.joint] =
            b.input({InputKind::argument, static_cast<int>(made.inputs.size()), "", no_node}, joint_.type(operand.joint));
    for (NodeId id = 0; id < joint_.nodes.size(); ++id) {
      const Node &node = joint_[id];
      if (!needed[id] || map.contains(id)) continue;
      b.set_place(node.place);
      std::vector<NodeId> operands;
      for (NodeId operand : node.operands) operands.push_back(map.at(operand));
      map[id] = b.add_node(node.op, std::move(operands), node.attributes, record(node.op).declared_type ? &node.type : nullptr);
    }
    for (NodeId root : roots) b.output({OutputKind::result, static_cast<int>(made.outputs.size()), "", map.at(root)});
    return made;
  }

  std::vector<NodeId> scan_backwards(const std::vector<NodeId> &gradient) {
    const size_t carries = static_cast<size_t>(scan_.carries);
    std::vector<NodeId> roots;
    std::vector<size_t> number(active_.size(), 0); // of each operand's result
    auto add_root = [&](size_t operand, NodeId node) {
      number[operand] = roots.size();
      roots.push_back(node);
    };
    Builder joint(joint_);
    for (size_t i = 0; i < carries; ++i)
      if (active_[i]) add_root(i, gradient[i] != no_node ? gradient[i] : joint.like(joint_.inputs[i].node, 0));
    for (size_t i = carries; i < active_.size(); ++i)
      if (active_[i] && gradient[i] != no_node) add_root(i, gradient[i]);
    if (roots.empty()) return std::vector<NodeId>(active_.size(), no_node);

    const std::vector<bool> needed = find_operands(roots);
    ScanAttributes attributes{scan_.turns, static_cast<int64_t>(carried_.size()), static_cast<int64_t>(rows_.size()),
                              !scan_.backwards, std::make_shared<const Function>(adjoint_body(needed, roots))};
    std::vector<NodeId> operands;
    for (const auto *some : {&carried_, &rows_, &same_})
      for (const Operand &operand : *some) operands.push_back(operand.outer);
    const NodeId made = b_.add_node(Op::scan, std::move(operands), attributes);
    std::vector<NodeId> result(active_.size(), no_node);
    for (size_t i = 0; i < active_.size(); ++i) {
      if (!wanted_[i] || !active_[i] || (i >= carries && gradient[i] == no_node)) continue;
      result[i] = b_.add_node(Op::part, {made}, PartAttributes{static_cast<int64_t>(number[i])});
      if (role_of(scan_, i) == Role::same) result[i] = b_.reduce(ReduceKind::add, result[i], {0});
    }
    return result;
  }

  const AdjointContext &c_;
  Builder &b_;
  const ScanAttributes scan_;
  const Function body_;
  Function joint_;                    // the body, then its adjoint
  std::vector<bool> active_, wanted_; // per operand: a gradient flows to it in some turn; it is asked for
  std::vector<Seed> seeds_;
  std::vector<Operand> carried_, rows_, same_; // of the adjoint scan
};

std::vector<NodeId> scan_adjoint(const AdjointContext &c) { return ScanAdjoint(c).build(); }

/// The body lifted, with what becomes different along the new axis in some turn.
Batched scan_batch(const BatchContext &c) {
  ScanAttributes scan = std::get<ScanAttributes>(c.node.attributes);
  const Function old = *scan.body;
  std::vector<bool> marked = c.lifted;
  Function body;
  for (bool changed = true; changed;) {
    changed = false;
    body = c.lift_function(old, marked, c.size, c.mini_batch);
    for (int64_t i = 0; i < scan.carries; ++i) {
      const bool lifted = body.type(body.outputs[i].node).rank() > old.type(old.outputs[i].node).rank();
      if (lifted && !marked[i]) marked[i] = changed = true;
    }
  }
  Builder inside(body);
  for (int64_t i = 0; i < scan.carries; ++i)
    if (marked[i] && body.type(body.outputs[i].node).rank() == old.type(old.outputs[i].node).rank())
      body.outputs[i].node = inside.broadcast_leading(body.outputs[i].node, {c.size});
  std::vector<NodeId> operands;
  for (size_t i = 0; i < c.operands.size(); ++i) {
    NodeId operand = marked[i] ? c.lift(i) : c.operands[i];
    if (marked[i] && role_of(scan, i) == Role::sequence) {
      std::vector<int64_t> axes = all_axes(c.builder.type(operand).rank());
      std::swap(axes[0], axes[1]);
      operand = c.builder.transpose(operand, axes);
    }
    operands.push_back(operand);
  }
  scan.body = std::make_shared<const Function>(std::move(body));
  return c.builder.add_node(Op::scan, std::move(operands), std::move(scan));
}

Array evaluate_scan(const EvaluateContext &c) {
  const auto &scan = std::get<ScanAttributes>(c.node.attributes);
  std::vector<Array> inputs;
  for (const Array *operand : c.operands) inputs.push_back(*operand);
  auto row = [](const Array &all, int64_t turn) {
    Array one{all.elem, {all.dims.begin() + 1, all.dims.end()}, {}};
    const auto count = static_cast<int64_t>(all.values.size()) / all.dims[0];
    one.values.assign(all.values.begin() + turn * count, all.values.begin() + (turn + 1) * count);
    return one;
  };
  Array result;
  for (const Type &type : c.node.type.parts) result.parts.push_back(zeros_of(type, c.examples));
  for (int64_t i = 0; i < scan.turns; ++i) {
    const int64_t turn = scan.backwards ? scan.turns - 1 - i : i;
    for (int64_t k = scan.carries; k < scan.carries + scan.sequences; ++k) inputs[k] = row(*c.operands[k], turn);
    std::vector<Array> outputs = evaluate(*scan.body, c.examples, [&](const Input &input, const Type &) {
      return inputs[static_cast<size_t>(&input - scan.body->inputs.data())];
    });
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (k < static_cast<size_t>(scan.carries))
        inputs[k] = outputs[k];
      else
        std::copy(outputs[k].values.begin(), outputs[k].values.end(),
                  result.parts[k].values.begin() + turn * static_cast<int64_t>(outputs[k].values.size()));
    }
  }
  for (int64_t k = 0; k < scan.carries; ++k) result.parts[k] = inputs[k];
  return result;
}

/// s ← tanh(w·s + x), count ← count + 1, of rows x; collects s·x.
Sample scan_sample(bool backwards) {
  Function body;
  body.name = "body";
  Builder b(body);
  auto input = [&](Type type) {
    return b.input({InputKind::argument, static_cast<int>(body.inputs.size()), "", no_node}, std::move(type));
  };
  const NodeId s = input(real({2})), count = input(index({})), x = input(real({2})), w = input(real({2, 2}));
  const NodeId next = b.unary(Op::tanh, b.add(b.dot(w, s, {{}, {}, {1}, {0}}), x));
  b.output({OutputKind::result, 0, "", next});
  b.output({OutputKind::result, 1, "", b.add(count, b.like(count, 1))});
  b.output({OutputKind::result, 2, "", b.mul(next, b.mul(s, x))});
  return sample({real({2}), index({}), real({3, 2}), real({2, 2})},
                ScanAttributes{3, 2, 1, backwards, std::make_shared<const Function>(std::move(body))}, std::nullopt, 3);
}

std::vector<Sample> scan_samples() { return {scan_sample(false), scan_sample(true)}; }

Type part_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto number = std::get<PartAttributes>(attributes).number;
  if (number < 0 || number >= static_cast<int64_t>(types[0]->parts.size()))
    return fail(error, "{} of {}", number, to_string(*types[0]));
  return types[0]->parts[number];
}

/// The walk collects the gradients of the parts.
std::vector<NodeId> part_adjoint(const AdjointContext &) { return {no_node}; }

/// Lifted where the new operation made it so. What a scan collects has the turns in front of the new axis.
Batched part_batch(const BatchContext &c) {
  const NodeId part = c.builder.add_node(Op::part, {c.operands[0]}, c.node.attributes);
  const Type type = c.builder.type(part);
  if (type.rank() == c.type.rank()) return {part, false};
  const auto *scan = std::get_if<ScanAttributes>(&c.builder.function()[c.operands[0]].attributes);
  if (!scan || std::get<PartAttributes>(c.node.attributes).number < scan->carries) return part;
  std::vector<int64_t> axes = all_axes(type.rank());
  std::swap(axes[0], axes[1]);
  return c.builder.transpose(part, axes);
}

Array evaluate_part(const EvaluateContext &c) {
  return c.operands[0]->parts.at(std::get<PartAttributes>(c.node.attributes).number);
}

std::vector<Sample> no_samples() { return {}; } // those of the operations with parts

} // namespace

constinit const OpRecord records::scan = {
    .name = "scan",
    .doc = "the body's results, turn after turn: carried values after the last, then what was collected, a row a turn",
    .operands = -1,
    .blank = any<ScanAttributes>,
    .shape = scan_shape,
    .declared_type = false,
    .adjoint = scan_adjoint,
    .batch = scan_batch,
    .evaluate = evaluate_scan,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = scan_samples,
};

constinit const OpRecord records::part = {
    .name = "part",
    .doc = "one result of an operation with several",
    .operands = 1,
    .blank = any<PartAttributes>,
    .shape = part_shape,
    .declared_type = false,
    .adjoint = part_adjoint,
    .batch = part_batch,
    .evaluate = evaluate_part,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = no_samples,
};

} // namespace nnc::ir
