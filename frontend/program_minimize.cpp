// What each `minimize` changes, and by which rule.

#include "frontend/program_builder.h"

#include "passes/differentiate.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

void ProgramBuilder::add_optimizer(const OptimizerCall &call, const std::vector<Path> &over, const std::string &prefix) {
  OptimizerUse use(elaborator, call, *clauses.file, prefix);
  use.check_arguments();
  optimizations.emplace(&call, Optimization{std::move(use), resolve_paths(elaborator, over, training->context())});
}

/// Every optimizer of the block. Where there are several, their settings are told apart by what they are for: `judge.rate` of `… over judge`,
/// `cost2.rate` of the second `minimize`.
void ProgramBuilder::collect_optimizers() {
  size_t count = clauses.optimizers.size();
  for (const MinimizeClause *clause : clauses.minimize) count += clause->optimizer.has_value();
  const auto prefix = [&](const std::vector<Path> &over, const std::string &otherwise) {
    if (count == 1) return std::string();
    const std::string name = over.empty() ? otherwise : std::string(elaborator.source_map().text(over.front().span));
    return name.empty() ? "" : name + ".";
  };
  for (const UsingClause *clause : clauses.optimizers) add_optimizer(clause->optimizer, clause->over, prefix(clause->over, ""));
  for (size_t i = 0; i < clauses.minimize.size(); ++i)
    if (const MinimizeClause &clause = *clauses.minimize[i]; clause.optimizer)
      add_optimizer(*clause.optimizer, {}, prefix(clause.over, cost_name(i)));
  for (const UsingClause *first : clauses.optimizers)
    for (const UsingClause *second : clauses.optimizers) {
      if (first == second) break;
      const std::set<int> &a = optimizations.at(&first->optimizer).over, &b = optimizations.at(&second->optimizer).over;
      const auto shared = std::find_if(a.begin(), a.end(), [&](int slot) { return b.contains(slot); });
      if (first->over.empty() != second->over.empty() || (!first->over.empty() && shared == a.end())) continue;
      const std::string what = shared == a.end() ? "every parameter" : fmt::format("`{}`", elaborator.tensors[*shared].path);
      elaborator.diagnostics()
          .report(K::optimizer_twice, first->optimizer.span, what)
          .note(second->optimizer.span, "the other is here");
    }
}

/// The parameters on which the cost depends in a differentiable way.
std::set<int> ProgramBuilder::reached_parameters(size_t number) {
  const ir::Output cost{ir::OutputKind::cost, static_cast<int>(number), "", training->frame.use(training->costs[number].value)};
  Renumbering same;
  for (int slot : input_slots(training->frame.function(), ir::InputKind::tensor)) same.tensors[slot] = slot;
  for (int slot : input_slots(training->frame.function(), ir::InputKind::source)) same.sources[slot] = slot;
  ir::Function function = extract(training->frame.function(), "cost", {cost}, same, ExtractMode::as_it_is);
  std::vector<int> slots;
  std::vector<ir::NodeId> nodes;
  for (const ir::Input &input : function.inputs) {
    if (input.kind != ir::InputKind::tensor || elaborator.tensors[input.slot].kind != TensorKind::parameter) continue;
    slots.push_back(input.slot);
    nodes.push_back(input.node);
  }
  ir::Builder builder(function);
  const ir::NodeId of = function.outputs.front().node;
  const std::vector<ir::NodeId> gradients = passes::differentiate(builder, of, builder.like(of, 1), nodes);
  std::set<int> reached;
  for (size_t i = 0; i < slots.size(); ++i)
    if (gradients[i] != ir::no_node) reached.insert(slots[i]);
  return reached;
}

/// The parameters that the clause updates: those that it reaches, that `over` names and that are not frozen.
std::set<int> ProgramBuilder::candidates(size_t number, const std::set<int> &reached) {
  const MinimizeClause &clause = *clauses.minimize[number];
  bool over_known = true;
  std::set<int> named;
  for (const Path &path : clause.over) {
    const std::set<int> slots = resolve_path(elaborator, path, training->context());
    const bool reaches = std::any_of(slots.begin(), slots.end(), [&](int slot) { return reached.contains(slot); });
    if (!slots.empty() && !reaches)
      elaborator.diagnostics()
          .report(K::minimize_over, path.span, elaborator.source_map().text(path.span))
          .label(clause.cost->span, "this cost");
    over_known = over_known && reaches;
    named.insert(slots.begin(), slots.end());
  }
  std::set<int> result;
  for (int slot : reached)
    if ((clause.over.empty() || named.contains(slot)) && !frozen.contains(slot)) result.insert(slot);
  if (result.empty() && over_known)
    elaborator.diagnostics()
        .report(K::minimize_no_parameter, clause.cost->span)
        .note(reached.empty() ? "it must use an instance that this `train` block makes"
                              : "those that it depends on are frozen or not in `over`");
  return result;
}

/// The clause's own optimizer, or the `using` that is for this parameter: one that names it before one for all.
ProgramBuilder::Optimization *ProgramBuilder::optimizer_for(size_t number, int slot) {
  if (const auto &own = clauses.minimize[number]->optimizer) return &optimizations.at(&*own);
  Optimization *general = nullptr;
  for (const UsingClause *clause : clauses.optimizers) {
    Optimization &optimization = optimizations.at(&clause->optimizer);
    if (optimization.over.contains(slot)) return &optimization;
    if (clause->over.empty()) general = &optimization;
  }
  return general;
}

bool ProgramBuilder::add_update(passes::MinimizeStep &step, Optimization &optimization, int slot) {
  std::optional<OptimizerRule> rule = optimization.use.rule(elaborator.tensors[slot].type, settings);
  if (!rule) return false;
  const Tensor parameter = program.tensors[numbers.tensors.at(slot)];
  std::vector<int> states;
  for (const OptimizerRule::State &state : rule->states) {
    const std::string name = fmt::format("{}.{}.{}", parameter.name, optimization.use.name(), state.name);
    states.push_back(add_tensor({name, TensorKind::optimizer, parameter.type, state.place, numbers.tensors.at(slot)}));
    optimizer_initial.resize(program.tensors.size());
    optimizer_initial.back() = state.initial;
  }
  for (ir::Input &input : rule->function.inputs)
    if (input.kind == ir::InputKind::tensor) input.slot = states[input.slot], input.name = program.tensors[input.slot].name;
  for (ir::Output &output : rule->function.outputs)
    if (output.kind == ir::OutputKind::tensor) output.slot = states[output.slot], output.name = program.tensors[output.slot].name;
  step.updates.push_back({numbers.tensors.at(slot), std::move(rule->function)});
  return true;
}

std::optional<ir::Function> ProgramBuilder::clip_norm_rule() {
  if (!clauses.clip_norm) return std::nullopt;
  const Expr &expr = *clauses.clip_norm->value;
  Root root{true, {}, {}};
  Frame frame(root, "clip_norm");
  Scope scope(clauses.file);
  Activation activation;
  const Context context{&frame, &scope, &activation, {}, nullptr};
  const auto limit =
      elaborator.as_real_scalar(elaborator.evaluate(expr, context), "the limit of `clip_norm`", expr.span, context);
  if (!limit) return std::nullopt;
  return extract(frame.function(), "clip_norm", {{ir::OutputKind::result, 0, "limit", frame.use(*limit)}}, {},
                 ExtractMode::alone);
}

void ProgramBuilder::build_minimize(size_t number) {
  passes::MinimizeStep step{static_cast<int>(number), {}, clip_norm_rule(), {}};
  std::set<std::string> without;
  for (int slot : candidates(number, reached_parameters(number))) {
    Optimization *optimization = optimizer_for(number, slot);
    if (!optimization) without.insert(elaborator.tensors[slot].path);
    if (!optimization || !optimization->use.found()) continue;
    if (!add_update(step, *optimization, slot)) break;
  }
  if (!without.empty())
    elaborator.diagnostics()
        .report(K::minimize_no_optimizer, clauses.minimize[number]->cost->span, fmt::format("`{}`", fmt::join(without, "`, `")))
        .note("`using adam()` in the `train` block, or behind the cost, gives it one");
  for (int slot : training->states_of(number))
    if (!frozen.contains(slot)) step.states.push_back(numbers.tensors.at(slot));
  program.clauses.push_back(std::move(step));
}

} // namespace nnc::frontend
