// `grad(e, x)`: the adjoint graph is made at once, in the frame of e. Within index notation or a lifted call, e can reach an x of a frame around through
// values of that frame; then the way between them is copied into e's frame.

#include "frontend/elaborator.h"
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

/// For each node of a frame: whether a way leads there from x, and whether one does through a sum over the mini-batch.
struct Ways {
  std::vector<bool> reached, across;
};

Ways ways_from(const TensorValue &x, Frame &level) {
  const bool at_x = &level == x.frame;
  const Ways around = at_x || !level.parent() ? Ways{} : ways_from(x, *level.parent());
  const ir::Function &function = level.function();
  Ways ways{std::vector<bool>(function.nodes.size()), std::vector<bool>(function.nodes.size())};
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    if (at_x && id == x.node) ways.reached[id] = true;
    if (const auto outer = at_x ? std::nullopt : level.outer_node(id); outer && *outer < around.reached.size()) {
      ways.reached[id] = around.reached[*outer];
      ways.across[id] = around.across[*outer];
    }
    for (NodeId operand : function[id].operands) {
      if (ways.reached[operand]) ways.reached[id] = true;
      if (ways.across[operand] || (ways.reached[operand] && function[id].op == ir::Op::batch_sum)) ways.across[id] = true;
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

NodeId Elaborator::pull_back(Frame &frame, Frame *level, const std::vector<std::pair<NodeId, NodeId>> &gradients,
                             const TensorValue &x) {
  if (gradients.empty() || !level) return no_node;
  // The nodes of `level` that derivatives go on to: x itself, or the inputs that stand for nodes further out.
  const bool at_x = level == x.frame;
  std::vector<NodeId> roots;
  if (at_x)
    roots.push_back(x.node);
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
    const std::vector<NodeId> terms = passes::differentiate(frame.builder(), copy->second, gradient, starts);
    for (size_t i = 0; i < sums.size(); ++i) accumulate(frame.builder(), sums[i], terms[i]);
  }
  if (at_x) return sums.empty() ? no_node : sums.front();
  std::vector<std::pair<NodeId, NodeId>> further;
  for (size_t i = 0; i < sums.size(); ++i)
    if (sums[i] != no_node) further.emplace_back(*level->outer_node(kept[i]), sums[i]);
  return pull_back(frame, level->parent(), further, x);
}

NodeId Elaborator::gradient_node(const TensorValue &e, TensorValue x, const Context &context) {
  Frame &frame = *context.frame;
  const TensorValue cost = here(e, context);
  x = outermost(x);
  ir::Builder &builder = frame.builder();
  const NodeId seed = builder.constant(builder.type(cost.node), 1.0);
  if (x.frame == &frame) return passes::differentiate(builder, cost.node, seed, std::span(&x.node, 1)).front();
  if (depth_of(x.frame) >= depth_of(&frame)) return no_node;
  std::vector<NodeId> inputs;
  std::vector<NodeId> outer;
  for (const ir::Input &input : frame.function().inputs)
    if (const std::optional<NodeId> node = frame.outer_node(input.node)) {
      inputs.push_back(input.node);
      outer.push_back(*node);
    }
  const std::vector<NodeId> terms = passes::differentiate(builder, cost.node, seed, inputs);
  std::vector<std::pair<NodeId, NodeId>> gradients;
  for (size_t i = 0; i < terms.size(); ++i)
    if (terms[i] != no_node) gradients.emplace_back(outer[i], terms[i]);
  return pull_back(frame, frame.parent(), gradients, x);
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

Value Elaborator::gradient(const Value &e, Span e_span, const Value &x, Span x_span, Span call, const Context &context) {
  const auto *cost = e.get<TensorValue>();
  if (e.is<NumberValue>() || (cost && cost->type.dims.empty() && cost->type.element.kind != ElementKind::real) ||
      (cost && !cost->type.dims.empty()) || !cost) {
    Diagnostic &diagnostic = report(K::gradient_of, e_span, context, describe(e));
    if (cost && !cost->type.dims.empty()) diagnostic.note("`sum(…)` makes a number of a vector");
    return {};
  }
  const TensorValue one = here(*cost, context);
  const auto by_loop = [&](const TensorValue &wrt) {
    const std::string *name = carries_towards(one, outermost(wrt), context);
    if (!name) return false;
    report(K::gradient_through_loop, call, context, sources_.text(e_span), sources_.text(x_span), *name)
        .note("in a loop the names that it carries are fresh each turn: take the derivative behind the loop, or with respect to what the turn starts from");
    return true;
  };
  const auto across_examples = [&](const TensorValue &wrt) {
    if (!ways_from(outermost(wrt), *context.frame).across[one.node]) return false;
    if (!context.frame->varies_by_example(one.node))
      unsupported("`grad` of a sum over the mini-batch", e_span, context);
    else
      report(K::gradient_across_examples, e_span, context, sources_.text(e_span), sources_.text(x_span))
          .note("`grad` is the derivative of one example's value; `minimize` descends through `batch_mean` and `batch_sum`");
    return true;
  };
  auto of = [&](const TensorValue &wrt) -> TensorValue {
    const NodeId node = gradient_node(*cost, wrt, context);
    place(call, context);
    if (node != no_node) return make(node, wrt.type, context);
    report(K::gradient_zero, call, context, sources_.text(x_span), sources_.text(e_span));
    return make(context.frame->builder().constant(ir_type(wrt.type), 0.0), wrt.type, context);
  };
  if (const auto *instance = x.get<InstanceValue>()) {
    auto values = std::make_shared<std::map<int, TensorValue>>();
    for (int slot : slots(*instance->instance))
      if (tensors[slot].kind == TensorKind::parameter) {
        const TensorValue parameter = read_slot(slot, context, instance);
        if (across_examples(parameter) || by_loop(parameter)) return {};
        const NodeId node = gradient_node(*cost, parameter, context);
        values->emplace(slot, make(node != no_node ? node : context.frame->builder().constant(ir_type(parameter.type), 0.0),
                                   parameter.type, context));
      }
    return {InstanceValue{instance->instance, values}};
  }
  const auto *tensor = x.get<TensorValue>();
  if (!tensor || tensor->type.element.kind != ElementKind::real) {
    report(K::gradient_by, x_span, context, describe(x))
        .note("a derivative is taken with respect to a real tensor: a parameter, an argument or a name bound above");
    return {};
  }
  if (across_examples(*tensor) || by_loop(*tensor)) return {};
  return {of(*tensor)};
}

} // namespace nnc::frontend
