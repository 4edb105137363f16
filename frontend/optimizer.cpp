#include "frontend/optimizer.h"

#include "frontend/program_extract.h"
#include "ir/functions.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using ir::InputKind;
using ir::NodeId;
using ir::OutputKind;

constexpr int parameter_argument = 0, gradient_argument = 1;

} // namespace

int Settings::number(const std::string &name, double value) {
  const auto known = std::find_if(list.begin(), list.end(), [&](const SettingInfo &setting) { return setting.name == name; });
  if (known == list.end()) return list.push_back({name, value}), static_cast<int>(list.size()) - 1;
  return static_cast<int>(known - list.begin());
}

/// Where one rule is elaborated. `fixed` has the arguments as they are written, `values` what they are when the program runs.
struct OptimizerUse::Scopes {
  Root root;
  Frame frame;
  Scope fixed, values;
  Activation activation;
  PlaceId caller; // the optimizer's call
  Type parameter;
  ir::Type type;                  // of the parameter
  std::map<int, double> settings; // values by the formal's number

  Scopes(const OptimizerUse &of, const Type &parameter)
      : frame(root, of.name()), fixed(of.declared_in), values(of.declared_in),
        activation{Elaborator::hash_path(0, "optimizer " + of.name(), 0), 0, 0},
        caller(of.elaborator.source_map().place(of.use->span)), parameter(parameter), type{of.elaborator.options().real, {}} {
    root.training = true;
    for (const Dim &dim : parameter.dims) type.dims.push_back({dim.value, false});
  }
  TensorValue leaf(InputKind kind, int slot, const std::string &name) {
    return {&frame, frame.leaf(kind, slot, name, type), parameter};
  }
  Context in(Scope &scope) { return {&frame, &scope, &activation, caller, nullptr}; }
};

OptimizerUse::OptimizerUse(Elaborator &elaborator, const OptimizerCall &call, const FileScope &file, std::string prefix)
    : elaborator(elaborator), use(&call), file(&file), prefix(std::move(prefix)) {
  Diagnostics &diagnostics = elaborator.diagnostics();
  const auto found = elaborator.find_declaration(file, name(), &declared_in);
  if (found)
    if (const auto *optimizer = std::get_if<const Optimizer *>(&*found)) declaration = *optimizer;
  if (declaration) return;
  std::vector<std::string> names;
  for (const FileScope *scope : {&file, file.prelude})
    for (const auto &[candidate, form] : scope->names)
      if (std::holds_alternative<const Optimizer *>(form)) names.push_back(candidate);
  Diagnostic &diagnostic = diagnostics.report(found ? K::optimizer_not_one : K::optimizer_unknown, call.name.span, name());
  if (const std::string near = nearest_name(name(), names); !near.empty())
    diagnostic.note(fmt::format("did you mean `{}`?", near));
}

bool OptimizerUse::bind_arguments(Scopes &scopes) {
  Scope caller(file);
  Context outside = scopes.in(caller);
  outside.caller = {};
  const auto arguments = elaborator.match_arguments(declaration->formals, elaborator.evaluate_arguments(use->arguments, outside),
                                                    name(), use->span, declaration->name.span, scopes.fixed, outside, true);
  if (!arguments) return false;
  for (size_t i = 0; i < arguments->size(); ++i) {
    const Identifier &formal = declaration->formals[i].name;
    const Value &value = (*arguments)[i].value;
    Local &fixed = scopes.fixed.locals[formal.name] = {value, formal.span};
    Local &local = scopes.values.locals[formal.name] = fixed;
    if (value.poison()) return false;
    if (const auto *number = value.get<NumberValue>()) {
      const Type real{{ElementKind::real, {}, {}}, {}};
      const int slot = static_cast<int>(i);
      const NodeId node = scopes.frame.leaf(InputKind::setting, slot, prefix + formal.name, {elaborator.options().real, {}});
      local.value = {TensorValue{&scopes.frame, node, real}};
      scopes.settings[slot] = number->number.value();
    } else if (!value.is<bool>() && !value.is<std::string>()) {
      const std::string what = fmt::format("the argument `{}` of `{}`", formal.name, name());
      const auto scalar = elaborator.as_real_scalar(value, what, (*arguments)[i].span, outside);
      if (!scalar) return false;
      local.value = {*scalar};
    }
  }
  return true;
}

void OptimizerUse::check_arguments() {
  if (!found()) return;
  Scopes scopes(*this, {{ElementKind::real, {}, {}}, {}});
  bind_arguments(scopes);
}

bool OptimizerUse::declare_states(Scopes &scopes, OptimizerRule &rule) {
  for (const auto &part : declaration->body) {
    const auto *state = std::get_if<frontend::State>(&part);
    if (!state) continue;
    const Context context = scopes.in(scopes.fixed);
    if (state->type) elaborator.report(K::optimizer_state_type, state->type->span, context);
    const Value value = elaborator.evaluate(*state->value, context);
    const auto number =
        elaborator.as_number(value, fmt::format("the initial value of `{}`", state->name.name), state->value->span, context);
    if (!number || state->type) return false;
    const int slot = static_cast<int>(rule.states.size());
    scopes.values.locals[state->name.name] = {{scopes.leaf(InputKind::tensor, slot, state->name.name)}, state->name.span, true};
    rule.states.push_back({state->name.name, number->value(), elaborator.source_map().place(state->span)});
  }
  return true;
}

void OptimizerUse::run(const Block &block, Scopes &scopes, Scope &scope) {
  Scope inner(scope);
  for (const Stmt &statement : block.statements) run(statement, scopes, inner);
}

void OptimizerUse::run(const Stmt &statement, Scopes &scopes, Scope &scope) {
  const auto *expression = std::get_if<ExprStmt>(&statement.form);
  const auto *choice = expression ? std::get_if<IfExpr>(&expression->value->form) : nullptr;
  if (!choice) return elaborator.execute(statement, scopes.in(scope));
  const Value condition = elaborator.evaluate(*choice->condition, scopes.in(scopes.fixed));
  const bool *known = condition.get<bool>();
  if (!known) return elaborator.execute(statement, scopes.in(scope)); // reports it
  const auto &taken = *known ? choice->then_block : choice->else_block;
  if (taken) run(*taken, scopes, scope);
}

std::optional<OptimizerRule> OptimizerUse::rule(const Type &parameter, Settings &settings) {
  OptimizerRule rule;
  Scopes scopes(*this, parameter);
  if (!bind_arguments(scopes)) return std::nullopt;
  const TensorValue p = scopes.leaf(InputKind::argument, parameter_argument, "p");
  scopes.values.locals["p"] = {{p}, declaration->name.span, true};
  scopes.values.locals["g"] = {{scopes.leaf(InputKind::argument, gradient_argument, "g")}, declaration->name.span};
  if (!declare_states(scopes, rule)) return std::nullopt;

  const size_t errors = elaborator.diagnostics().error_count();
  for (const auto &part : declaration->body)
    if (const auto *statement = std::get_if<Stmt>(&part)) run(*statement, scopes, scopes.values);
  if (elaborator.diagnostics().error_count() != errors) return std::nullopt;

  const auto result = [&](const std::string &local) {
    return scopes.frame.use(*scopes.values.locals[local].value.get<TensorValue>());
  };
  if (result("p") == p.node) {
    elaborator.diagnostics().report(K::optimizer_changes_nothing, declaration->name.span, name()).note("say `p <- …`");
    return std::nullopt;
  }
  // States that no branch taken updates are none.
  std::vector<ir::Output> outputs = {{OutputKind::result, 0, "p", result("p")}};
  std::vector<OptimizerRule::State> kept;
  Renumbering numbers;
  for (size_t i = 0; i < rule.states.size(); ++i) {
    const std::string &state = rule.states[i].name;
    const NodeId before = scopes.leaf(InputKind::tensor, static_cast<int>(i), state).node;
    std::vector<NodeId> roots;
    for (const ir::Output &output : outputs) roots.push_back(output.node);
    if (result(state) == before && !needed_by(scopes.frame.function(), roots)[before]) continue;
    numbers.tensors[static_cast<int>(i)] = static_cast<int>(kept.size());
    outputs.push_back({OutputKind::tensor, static_cast<int>(i), state, result(state)});
    kept.push_back(rule.states[i]);
  }
  rule.states = std::move(kept);
  rule.function = extract(scopes.frame.function(), name(), outputs, numbers, ExtractMode::as_it_is);
  for (const ir::Node &node : rule.function.nodes)
    if (ir::is_across_examples(node)) {
      elaborator.diagnostics()
          .report(K::optimizer_across, node.place)
          .note("`g` is the gradient of the mini-batch's mean already");
      return std::nullopt;
    }
  for (ir::Input &input : rule.function.inputs)
    if (input.kind == InputKind::setting) input.slot = settings.number(input.name, scopes.settings.at(input.slot));
  return rule;
}

} // namespace nnc::frontend
