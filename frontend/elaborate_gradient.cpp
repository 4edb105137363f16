// `grad(e, x)`: the adjoint graph is made at once, in the frame of e. Within index notation or a lifted call, e can reach an x of a frame around through
// values of that frame; then the way between them is copied into e's frame.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "ir/functions.h"
#include "ir/op.h"
#include "passes/differentiate.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::no_node;
using ir::NodeId;

namespace {

int depth_of(const Frame *frame) {
  int depth = 0;
  while ((frame = frame->parent())) ++depth;
  return depth;
}

/// Adds `term` to `sum` where there is one.
void accumulate(ir::Builder &builder, NodeId &sum, NodeId term) {
  if (term == no_node) return;
  sum = sum == no_node ? term : builder.add(sum, term);
}

/// x as the node that it stands for: an input of a nested frame can be one of a frame around.
TensorValue outermost(TensorValue x) {
  while (const std::optional<NodeId> outer = x.frame->outer_node(x.node)) x = {x.frame->parent(), *outer, x.type};
  return x;
}

/// For each node of a frame: whether a way leads there from x, whether one does across the examples, and whether it does so within a loop or another
/// function that an operation runs.
struct Ways {
  std::vector<bool> reached, across, within;
};

Ways ways_from(const TensorValue &x, Frame &level) {
  const bool at_x = &level == x.frame;
  const Ways around = at_x || !level.parent() ? Ways{} : ways_from(x, *level.parent());
  const ir::Function &function = level.function();
  const std::vector<bool> none(function.nodes.size());
  Ways ways{none, none, none};
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    if (at_x && id == x.node) ways.reached[id] = true;
    if (const auto outer = at_x ? std::nullopt : level.outer_node(id); outer && *outer < around.reached.size()) {
      ways.reached[id] = around.reached[*outer];
      ways.across[id] = around.across[*outer];
      ways.within[id] = around.within[*outer];
    }
    const bool same = ir::is_same_for_all(function[id].op);
    const bool within = ir::function_of(function[id].attributes) && ir::is_across_examples(function[id]);
    for (NodeId operand : function[id].operands) {
      if (ways.reached[operand]) ways.reached[id] = true;
      if (ways.across[operand] || (ways.reached[operand] && (same || within))) ways.across[id] = true;
      if (ways.within[operand] || (ways.reached[operand] && within)) ways.within[id] = true;
    }
  }
  return ways;
}

/// Copies into `to` the nodes of `from`, a frame around it, that lie on ways from `roots` to `targets`; what else they need is taken in as input. Gives
/// the copy of each node on a way.
std::map<NodeId, NodeId> copy_way(Frame &from, Frame &to, const std::vector<NodeId> &roots, const std::vector<NodeId> &targets) {
  const ir::Function &function = from.function();
  const NodeId last = *std::max_element(targets.begin(), targets.end());
  std::vector<bool> reached(last + 1), needed(last + 1);
  for (NodeId root : roots)
    if (root <= last) reached[root] = true;
  for (NodeId id = 0; id <= last; ++id)
    for (NodeId operand : function[id].operands) reached[id] = reached[id] || reached[operand];
  for (NodeId target : targets) needed[target] = true;
  for (NodeId id = last + 1; id-- > 0;)
    if (needed[id])
      for (NodeId operand : function[id].operands) needed[operand] = true;

  std::map<NodeId, NodeId> copies;
  auto outer = [&](NodeId id) { return to.use({&from, id, {}}); };
  for (NodeId id = 0; id <= last; ++id) {
    if (!reached[id] || !needed[id]) continue;
    if (std::find(roots.begin(), roots.end(), id) != roots.end()) {
      copies[id] = to.builder().unary(ir::Op::copy, outer(id)); // a start of its own, so that only these ways count
      continue;
    }
    const ir::Node node = function[id];
    std::vector<NodeId> operands;
    for (NodeId operand : node.operands) operands.push_back(copies.contains(operand) ? copies[operand] : outer(operand));
    copies[id] =
        to.builder().add_node(node.op, operands, node.attributes, ir::record(node.op).declared_type ? &node.type : nullptr);
  }
  return copies;
}

} // namespace

/// What `grad` is about: x, as the node that it stands for, and how derivatives are summed on the way.
struct Elaborator::Derivative {
  TensorValue x;
  bool across = false; // e is the same for all examples, and a way from x leads across them
};

std::vector<NodeId> Elaborator::terms(Frame &frame, NodeId y, NodeId seed, std::span<const NodeId> xs, bool across) {
  const std::vector<bool> differs = across ? frame.differs_by_example() : std::vector<bool>();
  return passes::differentiate(frame.builder(), y, seed, xs, across ? &differs : nullptr);
}

NodeId Elaborator::pull_back(Frame &frame, Frame *level, const std::vector<std::pair<NodeId, NodeId>> &gradients,
                             const Derivative &by) {
  if (gradients.empty() || !level) return no_node;
  // The nodes of `level` that derivatives go on to: x itself, or the inputs that stand for nodes further out.
  const bool at_x = level == by.x.frame;
  std::vector<NodeId> roots;
  if (at_x)
    roots.push_back(by.x.node);
  else
    for (const ir::Input &input : level->function().inputs)
      if (level->outer_node(input.node)) roots.push_back(input.node);
  std::vector<NodeId> targets;
  for (const auto &[node, gradient] : gradients) targets.push_back(node);
  const std::map<NodeId, NodeId> copies = copy_way(*level, frame, roots, targets);

  std::vector<NodeId> starts, kept;
  for (NodeId root : roots)
    if (auto found = copies.find(root); found != copies.end()) {
      starts.push_back(found->second);
      kept.push_back(root);
    }
  std::vector<NodeId> sums(starts.size(), no_node);
  for (const auto &[node, gradient] : gradients) {
    const auto copy = copies.find(node);
    if (copy == copies.end()) continue;
    const std::vector<NodeId> more = terms(frame, copy->second, gradient, starts, by.across);
    for (size_t i = 0; i < sums.size(); ++i) accumulate(frame.builder(), sums[i], more[i]);
  }
  if (at_x) return sums.empty() ? no_node : sums.front();
  std::vector<std::pair<NodeId, NodeId>> further;
  for (size_t i = 0; i < sums.size(); ++i)
    if (sums[i] != no_node) further.emplace_back(*level->outer_node(kept[i]), sums[i]);
  return pull_back(frame, level->parent(), further, by);
}

NodeId Elaborator::gradient_node(const TensorValue &e, const Derivative &by, const Context &context) {
  Frame &frame = *context.frame;
  ir::Builder &builder = frame.builder();
  const NodeId seed = builder.constant(builder.type(e.node), 1.0);
  if (by.x.frame == &frame) return terms(frame, e.node, seed, std::span(&by.x.node, 1), by.across).front();
  if (depth_of(by.x.frame) >= depth_of(&frame)) return no_node;
  std::vector<NodeId> inputs;
  std::vector<NodeId> outer;
  for (const ir::Input &input : frame.function().inputs)
    if (const std::optional<NodeId> node = frame.outer_node(input.node)) {
      inputs.push_back(input.node);
      outer.push_back(*node);
    }
  const std::vector<NodeId> found = terms(frame, e.node, seed, inputs, by.across);
  std::vector<std::pair<NodeId, NodeId>> gradients;
  for (size_t i = 0; i < found.size(); ++i)
    if (found[i] != no_node) gradients.emplace_back(outer[i], found[i]);
  return pull_back(frame, frame.parent(), gradients, by);
}

const std::string *Elaborator::carries_towards(const TensorValue &e, const TensorValue &x, const Context &context) const {
  std::vector<std::pair<Frame *, NodeId>> work = {{context.frame, context.frame->use(e)}};
  std::set<std::pair<Frame *, NodeId>> seen;
  while (!work.empty()) {
    const auto [frame, id] = work.back();
    work.pop_back();
    if (depth_of(frame) <= depth_of(x.frame) || !seen.insert({frame, id}).second) continue;
    const ir::Node &node = frame->function()[id];
    if (node.op == ir::Op::input && ir::is_float(node.type.elem)) {
      if (const std::string *name = frame->carried_name(id)) return name;
      if (const auto outer = frame->outer_node(id)) work.emplace_back(frame->parent(), *outer);
    }
    if (ir::passes_gradient(node))
      for (NodeId operand : node.operands) work.emplace_back(frame, operand);
  }
  return nullptr;
}

std::optional<NodeId> Elaborator::derivative_by(const TensorValue &e, Span e_span, const TensorValue &x, Span x_span,
                                                const Context &context) {
  Derivative by{outermost(x)};
  const Ways ways = ways_from(by.x, *context.frame);
  by.across = ways.across[e.node];
  if (by.across && context.frame->varies_by_example(e.node)) {
    report(K::gradient_across_examples, e_span, context, sources_.text(e_span), sources_.text(x_span))
        .note("`grad` is the derivative of one example's value; `minimize` descends through `batch_mean` and `batch_sum`");
    return std::nullopt;
  }
  // In a loop that is rolled it is not known what differs from example to example; the loop is unrolled then.
  if (by.across && (ways.within[e.node] || context.frame->is_in_loop())) {
    report(K::gradient_within, e_span, context, sources_.text(e_span), sources_.text(x_span))
        .note("take the sum over the mini-batch before the loop or behind it");
    return std::nullopt;
  }
  if (const std::string *name = carries_towards(e, by.x, context)) {
    report(K::gradient_through_loop, e_span, context, sources_.text(e_span), sources_.text(x_span), *name)
        .note("in a loop the names that it carries are fresh each turn: take the derivative behind the loop, or with respect to "
              "what the turn starts from");
    return std::nullopt;
  }
  return gradient_node(e, by, context);
}

/// de/dx for a number e of the context's frame; a tree where x is one: an instance, a list or a tuple.
Value Elaborator::derivative(const TensorValue &e, Span e_span, const Value &x, Span x_span, Span call, const Context &context) {
  const auto zeros = [&](const Type &type) { return context.frame->builder().constant(ir_type(type), 0.0); };
  if (x.is<ListValue>() || x.is<TupleValue>()) {
    bool ok = true;
    Value tree = map_leaves(x, [&](const Value &leaf) {
      Value part = ok ? derivative(e, e_span, leaf, x_span, call, context) : Value{};
      ok = ok && !part.poison();
      return part;
    });
    return ok ? tree : Value{};
  }
  const auto warn = [&] { report(K::gradient_zero, call, context, sources_.text(x_span), sources_.text(e_span)); };
  if (const auto *instance = x.get<InstanceValue>()) {
    auto values = std::make_shared<std::map<int, TensorValue>>();
    bool any = false;
    for (int slot : slots(*instance->instance)) {
      if (tensors[slot].kind != TensorKind::parameter) continue;
      const TensorValue parameter = read_slot(slot, context, instance);
      const auto node = derivative_by(e, e_span, parameter, x_span, context);
      if (!node) return {};
      any = any || *node != no_node;
      values->emplace(slot, make(*node != no_node ? *node : zeros(parameter.type), parameter.type, context));
    }
    place(call, context);
    if (!any) warn();
    return {InstanceValue{instance->instance, values}};
  }
  const auto *tensor = x.get<TensorValue>();
  if (!tensor || tensor->type.element.kind != ElementKind::real) {
    report(K::gradient_by, x_span, context, sources_.text(call), describe(x))
        .note("a derivative is taken with respect to a real tensor: a parameter, an argument or a name bound above");
    return {};
  }
  const auto node = derivative_by(e, e_span, *tensor, x_span, context);
  if (!node) return {};
  place(call, context);
  if (*node == no_node) warn();
  return {make(*node != no_node ? *node : zeros(tensor->type), tensor->type, context)};
}

Value Elaborator::gradient(const Value &e, Span e_span, const Value &x, Span x_span, Span call, const Context &context) {
  const auto *cost = e.get<TensorValue>();
  if (!cost || !cost->type.dims.empty() || cost->type.element.kind != ElementKind::real) {
    Diagnostic &diagnostic = report(K::gradient_of, e_span, context, describe(e));
    if (cost && !cost->type.dims.empty()) diagnostic.note("`sum(…)` makes a number of a vector; `jacobian` differentiates one");
    return {};
  }
  return derivative(here(*cost, context), e_span, x, x_span, call, context);
}

/// J[i] = grad(v[i], x), as index notation would say it.
Value Elaborator::jacobian(const Value &v, Span v_span, const Value &x, Span x_span, Span call, const Context &context) {
  const auto vector = v.is<ListValue>()     ? as_tensor(v, v_span, context)
                      : v.is<TensorValue>() ? std::optional(*v.get<TensorValue>())
                                            : std::nullopt;
  if (v.is<ListValue>() && !vector) return {};
  if (!vector || vector->type.dims.size() != 1 || vector->type.element.kind != ElementKind::real) {
    Diagnostic &diagnostic = report(K::jacobian_of, v_span, context, describe(v));
    if (vector && vector->type.dims.empty()) diagnostic.note("`grad` differentiates a number");
    return {};
  }
  const Dim axis = vector->type.dims.front();
  Frame inner(*context.frame);
  Context inside = context;
  inside.frame = &inner;
  place(call, inside);
  const NodeId i = inner.add_argument("i", ir_type(Type{{ElementKind::index, axis, {}}, {}}));
  const TensorValue element = make(inner.builder().gather(inner.use(*vector), i, 0), Type{}, inside);
  const Value row = derivative(element, v_span, x, x_span, call, inside);
  if (row.poison()) {
    abandon(inner);
    return {};
  }
  std::vector<Value> leaves;
  const auto collect = [&](const TensorValue &tensor) {
    leaves.push_back({tensor});
    return tensor;
  };
  map_tensors(row, collect);
  const NodeId numbers = context.frame->builder().iota({extent_of(axis)}, 0);
  const Value lifted = close_lifted(inner, tuple(std::move(leaves)), {axis}, {{numbers, {true}}}, call, context);
  if (lifted.poison()) return {};
  const std::vector<Value> &rows = *lifted.get<TupleValue>()->items;
  size_t next = 0;
  return map_tensors(row, [&](const TensorValue &) { return *rows[next++].get<TensorValue>(); });
}

} // namespace nnc::frontend
