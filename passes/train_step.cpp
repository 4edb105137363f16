#include "passes/train_step.h"

#include "passes/differentiate.h"
#include "passes/lift.h"

#include <algorithm>
#include <map>
#include <set>

namespace nnc::passes {

using namespace ir;

namespace {

Function over_examples(const Function &example, bool lift_all_outputs) {
  std::vector<bool> lifted;
  for (const Input &input : example.inputs) lifted.push_back(input.kind == InputKind::source || input.kind == InputKind::row);
  return lift(example, lifted, Extent{1, true}, {.mini_batch = true, .lift_all_outputs = lift_all_outputs});
}

/// B as a number of the element.
NodeId example_count(Builder &builder, Elem elem) {
  return builder.convert(builder.find_input(InputKind::examples, 0, "examples", Type{Elem::i32, {}}), elem);
}

/// The sum over the examples of a value that has the rank `rank` for one: of one for each, `[B, …]`, or the same for all.
NodeId sum_over_examples(Builder &builder, NodeId value, int rank) {
  const Type type = builder.type(value);
  if (type.rank() > rank) return builder.reduce(ReduceKind::add, value, {0});
  return builder.mul(value, builder.broadcast_leading(example_count(builder, type.elem), type.dims));
}

NodeId mean_over_examples(Builder &builder, NodeId value) {
  if (builder.type(value).rank() == 0) return value;
  return builder.div(sum_over_examples(builder, value, 0), example_count(builder, builder.type(value).elem));
}

/// What the runtime averages over a pass: sums in f64, so that the average does not depend on the number of mini-batches. `of` is the output of one
/// example.
void output_sum(Builder &builder, const Function &example, const Output &of, NodeId value) {
  builder.set_place(builder.function()[value].place);
  const NodeId sum = sum_over_examples(builder, builder.convert(value, Elem::f64), example.type(of.node).rank());
  builder.output({of.kind, of.slot, of.name, sum});
}

/// Σ x² over all elements.
NodeId sum_of_squares(Builder &builder, NodeId x) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis < builder.type(x).rank(); ++axis) axes.push_back(axis);
  const NodeId square = builder.mul(x, x);
  return axes.empty() ? square : builder.reduce(ReduceKind::add, square, axes);
}

NodeId broadcast_scalar(Builder &builder, NodeId scalar, const Type &type) {
  return type.dims.empty() ? scalar : builder.broadcast(scalar, type.dims, {});
}

/// Makes the entry `train`, one clause after the other.
class TrainEntry {
public:
  explicit TrainEntry(const Function &example) : example(example), batched(over_examples(example, false)), builder(entry) {
    entry.name = "train";
    for (const Input &input : batched.inputs)
      if (input.kind == InputKind::tensor) names[input.slot] = input.name;
  }

  void descend(const MinimizeStep &);
  Function finish();

private:
  using Arguments = std::map<int, NodeId>; // by slot of the tensor

  NodeId tensor(int slot, const Type &);
  std::set<int> states_to_update(const MinimizeStep &);
  NodeId state_argument(int slot, const MinimizeStep &, const std::set<int> &fresh);
  std::vector<NodeId> evaluate(const Arguments &);
  std::vector<NodeId> clipped(std::vector<NodeId> gradients, const Function &clip_norm);
  std::vector<NodeId> inline_rule(const Function &rule, std::span<const NodeId> arguments);
  void replace(int slot, NodeId finite, NodeId value);
  size_t output_number(OutputKind, int slot) const;

  const Function &example;
  Function batched; // it over the mini-batch
  Function entry;
  Builder builder;
  std::map<int, std::string> names;   // of tensors
  Arguments current;                  // each tensor's value after the clauses so far
  std::map<int, Arguments> evaluated; // per state that a clause has updated: the tensors that it was computed from
  std::set<int> changed;              // tensors with a new value
  std::vector<std::pair<Output, NodeId>> costs;
  std::vector<NodeId> first; // values of the outputs in the first clause's evaluation
};

NodeId TrainEntry::tensor(int slot, const Type &type) {
  const auto known = current.find(slot);
  if (known != current.end()) return known->second;
  return current[slot] = builder.find_input(InputKind::tensor, slot, names[slot], type);
}

/// Where the graph of one example gives that output.
size_t TrainEntry::output_number(OutputKind kind, int slot) const {
  for (size_t i = 0; i < batched.outputs.size(); ++i)
    if (batched.outputs[i].kind == kind && batched.outputs[i].slot == slot) return i;
  throw InternalError("train: a clause names an output that is not in the graph of one example");
}

/// The tensors that a node is computed from.
std::set<int> tensors_read(const Function &function, NodeId node) {
  std::vector<bool> reached(node + 1, false);
  reached[node] = true;
  for (NodeId id = node + 1; id-- > 0;)
    if (reached[id])
      for (NodeId operand : function[id].operands) reached[operand] = true;
  std::set<int> slots;
  for (const Input &input : function.inputs)
    if (input.kind == InputKind::tensor && input.node <= node && reached[input.node]) slots.insert(input.slot);
  return slots;
}

/// The value of a state that this clause's evaluation starts from: the newest, or, where the binding that updates it was evaluated by an
/// earlier clause and is not evaluated again, the one from which it was.
NodeId TrainEntry::state_argument(int slot, const MinimizeStep &step, const std::set<int> &fresh) {
  const auto before = evaluated.find(slot);
  const bool updates = std::find(step.states.begin(), step.states.end(), slot) != step.states.end();
  if (before != evaluated.end() && updates && !fresh.contains(slot)) return before->second.at(slot);
  return current.at(slot);
}

/// The states of the clause whose updates are evaluated (again): those that no clause has evaluated, and those that a tensor with a new
/// value reaches; to the fixed point, since a state can reach another.
std::set<int> TrainEntry::states_to_update(const MinimizeStep &step) {
  std::set<int> fresh;
  std::map<int, std::set<int>> reads;
  for (int slot : step.states) {
    if (!evaluated.contains(slot)) fresh.insert(slot);
    reads[slot] = tensors_read(batched, batched.outputs[output_number(OutputKind::tensor, slot)].node);
  }
  for (bool again = true; again;) {
    again = false;
    for (int slot : step.states) {
      if (fresh.contains(slot)) continue;
      for (int read : reads[slot])
        if (evaluated[slot].at(read) != state_argument(read, step, fresh)) again = fresh.insert(slot).second || again;
    }
  }
  return fresh;
}

std::vector<NodeId> TrainEntry::evaluate(const Arguments &tensors) {
  std::vector<NodeId> arguments;
  for (const Input &input : batched.inputs) {
    const Type &type = batched.type(input.node);
    builder.set_place(batched[input.node].place);
    arguments.push_back(input.kind == InputKind::tensor ? tensors.at(input.slot)
                                                        : builder.find_input(input.kind, input.slot, input.name, type));
  }
  return inline_function(builder, batched, arguments);
}

/// A rule's outputs: `arguments` for its arguments, and the entry's own inputs for the rest.
std::vector<NodeId> TrainEntry::inline_rule(const Function &rule, std::span<const NodeId> arguments) {
  std::vector<NodeId> values;
  for (const Input &input : rule.inputs) {
    const Type &type = rule.type(input.node);
    builder.set_place(rule[input.node].place);
    if (input.kind == InputKind::argument) {
      values.push_back(arguments[input.slot]);
    } else if (input.kind == InputKind::tensor) {
      names.emplace(input.slot, input.name);
      values.push_back(tensor(input.slot, type));
    } else {
      values.push_back(builder.find_input(input.kind, input.slot, input.name, type));
    }
  }
  return inline_function(builder, rule, values);
}

/// g · min(1, limit / (‖all g‖ + 1e-6)), as torch.nn.utils.clip_grad_norm_.
std::vector<NodeId> TrainEntry::clipped(std::vector<NodeId> gradients, const Function &clip_norm) {
  const NodeId limit = inline_rule(clip_norm, {}).front();
  NodeId total = no_node;
  for (NodeId gradient : gradients) {
    if (gradient == no_node) continue;
    const NodeId part = sum_of_squares(builder, gradient);
    total = total == no_node ? part : builder.add(total, part);
  }
  if (total == no_node) return gradients;
  const NodeId norm = builder.unary(Op::sqrt, total);
  const NodeId scale =
      builder.binary(Op::min, builder.like(norm, 1), builder.div(limit, builder.add(norm, builder.like(norm, 1e-6))));
  for (NodeId &gradient : gradients)
    if (gradient != no_node) gradient = builder.mul(gradient, broadcast_scalar(builder, scale, builder.type(gradient)));
  return gradients;
}

/// The tensor's new value, where the cost is finite.
void TrainEntry::replace(int slot, NodeId finite, NodeId value) {
  const Type type = builder.type(value);
  const NodeId old = tensor(slot, type);
  const NodeId condition = broadcast_scalar(builder, finite, Type{Elem::boolean, type.dims});
  current[slot] = builder.select(condition, value, old);
  changed.insert(slot);
}

void TrainEntry::descend(const MinimizeStep &step) {
  for (const Input &input : batched.inputs)
    if (input.kind == InputKind::tensor) tensor(input.slot, batched.type(input.node));
  const std::set<int> fresh = states_to_update(step);
  Arguments start;
  for (const auto &[slot, value] : current) start[slot] = state_argument(slot, step, fresh);

  // A copy of each parameter is what this clause differentiates by: other paths from it, through earlier clauses' updates, do not count.
  Arguments arguments = start;
  std::vector<NodeId> parameters;
  for (const ParameterUpdate &update : step.updates)
    parameters.push_back(arguments.at(update.tensor) = builder.unary(Op::copy, start.at(update.tensor)));
  const std::vector<NodeId> values = evaluate(arguments);
  if (first.empty()) first = values;

  const size_t cost_output = output_number(OutputKind::cost, step.cost);
  builder.set_place(entry[values[cost_output]].place);
  const NodeId cost = mean_over_examples(builder, values[cost_output]);
  const NodeId finite = builder.unary(Op::is_finite, cost);
  costs.emplace_back(batched.outputs[cost_output], cost);

  std::vector<NodeId> gradients = differentiate(builder, cost, builder.like(cost, 1), parameters);
  if (step.clip_norm) gradients = clipped(std::move(gradients), *step.clip_norm);
  for (size_t i = 0; i < step.updates.size(); ++i) {
    if (gradients[i] == no_node) continue;
    const ParameterUpdate &update = step.updates[i];
    const std::vector<NodeId> results = inline_rule(update.rule, std::vector{current.at(update.tensor), gradients[i]});
    for (size_t k = 0; k < results.size(); ++k) {
      const Output &result = update.rule.outputs[k];
      replace(result.kind == OutputKind::tensor ? result.slot : update.tensor, finite, results[k]);
    }
  }
  for (int slot : fresh) {
    const NodeId value = values[output_number(OutputKind::tensor, slot)];
    start.emplace(slot, tensor(slot, builder.type(value)));
    evaluated[slot] = start;
    replace(slot, finite, value);
  }
}

Function TrainEntry::finish() {
  for (int slot : changed) builder.output({OutputKind::tensor, slot, names[slot], current.at(slot)});
  for (const auto &[output, value] : costs) builder.output({OutputKind::cost, output.slot, output.name, value});
  for (size_t i = 0; i < first.size(); ++i)
    if (batched.outputs[i].kind == OutputKind::report) output_sum(builder, example, example.outputs[i], first[i]);
  return std::move(entry);
}

} // namespace

Function train_entry(const Function &example, const std::vector<MinimizeStep> &steps) {
  TrainEntry entry(example);
  for (const MinimizeStep &step : steps) entry.descend(step);
  return entry.finish();
}

Function evaluate_entry(const Function &example) {
  const Function batched = over_examples(example, false);
  Function entry;
  entry.name = "evaluate";
  Builder builder(entry);
  std::vector<NodeId> arguments;
  for (const Input &input : batched.inputs) {
    builder.set_place(batched[input.node].place);
    arguments.push_back(builder.find_input(input.kind, input.slot, input.name, batched.type(input.node)));
  }
  const std::vector<NodeId> values = inline_function(builder, batched, arguments);
  for (size_t i = 0; i < values.size(); ++i)
    if (batched.outputs[i].kind == OutputKind::cost || batched.outputs[i].kind == OutputKind::report)
      output_sum(builder, example, example.outputs[i], values[i]);
  return entry;
}

Function batched_entry(const Function &example) { return over_examples(example, true); }

} // namespace nnc::passes
