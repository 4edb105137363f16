// Calls: arguments to formals, the body at the ranks of its formals, and lifting where arguments have more axes.

#include "frontend/builtin.h"
#include "frontend/elaborator.h"
#include "frontend/formal_leaf.h"
#include "frontend/leaves.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

Value Elaborator::call(const Value &callee, std::vector<EvaluatedArgument> arguments, Span span, const Context &context,
                       const std::string &name) {
  for (const EvaluatedArgument &argument : arguments)
    if (argument.value.poison()) return {};
  place(span, context);
  if (const auto *builtin = callee.get<BuiltinValue>())
    return call_builtin(*builtin->builtin, std::move(arguments), span, context);
  if (const auto *function = callee.get<FunctionValue>())
    return call_function(*function, std::move(arguments), span, context, name);
  if (const auto *instance = callee.get<InstanceValue>()) {
    const auto unnamed = instance->instance->functions.find("");
    if (unnamed != instance->instance->functions.end())
      return call_function({unnamed->second, instance->instance->scope, *instance}, std::move(arguments), span, context, name);
    Diagnostic &diagnostic = report(K::no_unnamed_function, span, context, name, instance->instance->model->name.name);
    for (const auto &[function, declaration] : instance->instance->functions)
      diagnostic.note(fmt::format("it has `{}.{}`", name, function));
    return {};
  }
  if (const auto *model = callee.get<ModelValue>()) {
    if (context.instance_path) return make_instance(*model, std::move(arguments), *context.instance_path, span, context);
    report(K::instance_outside, span, context, model->declaration->name.name)
        .note("bind it in the model or in `train`, `part = …`, and call it by that name: an instance has parameters, which "
              "belong there");
    return {};
  }
  if (!callee.poison()) report(K::not_callable, span, context, name, describe(callee));
  return {};
}

std::optional<std::vector<EvaluatedArgument>>
Elaborator::match_arguments(const std::vector<Formal> &formals, std::vector<EvaluatedArgument> arguments, const std::string &name,
                            Span call, Span declared, Scope &formals_scope, const Context &context, bool run_time) {
  std::vector<std::optional<EvaluatedArgument>> given(formals.size());
  bool ok = true;
  auto note_formals = [&](Diagnostic &diagnostic) {
    std::string list;
    for (const Formal &formal : formals) list += (list.empty() ? "" : ", ") + formal.name.name;
    diagnostic.note(fmt::format("`{}` takes ({})", name, list));
    if (!sources_.file(declared.file).prelude()) diagnostic.note(declared, "declared here");
  };
  size_t position = 0;
  for (EvaluatedArgument &argument : arguments) {
    size_t at = position;
    if (!argument.name.empty()) {
      for (at = 0; at < formals.size() && formals[at].name.name != argument.name; ++at) {
      }
      if (at == formals.size()) {
        std::vector<std::string> names;
        for (const Formal &formal : formals) names.push_back(formal.name.name);
        Diagnostic &diagnostic = report(K::unknown_argument, argument.span, context, name, argument.name);
        if (const std::string near = nearest_name(argument.name, names); !near.empty())
          diagnostic.note(fmt::format("did you mean `{}`?", near));
        note_formals(diagnostic);
        ok = false;
        continue;
      }
    } else if (position >= formals.size()) {
      note_formals(report(K::too_many_arguments, argument.span, context, name, arguments_text(formals.size()), arguments.size()));
      return std::nullopt;
    } else {
      ++position;
    }
    if (given[at]) {
      report(K::argument_twice, argument.span, context, formals[at].name.name, name).label(given[at]->span, "the first");
      ok = false;
    }
    given[at] = std::move(argument);
  }

  std::vector<EvaluatedArgument> matched;
  Context inside = context;
  inside.scope = &formals_scope;
  inside.caller = sources_.place(call, context.caller);
  inside.instance_path = nullptr;
  inside.of_pass = false;
  for (size_t i = 0; i < formals.size(); ++i) {
    const Formal &formal = formals[i];
    if (!given[i] && !formal.default_value) {
      note_formals(report(K::missing_argument, call, context, name, formal.name.name));
      ok = false;
      continue;
    }
    if (!given[i]) {
      const Value value = evaluate(*formal.default_value, inside);
      if (value.poison()) ok = false;
      given[i] = EvaluatedArgument{formal.name.name, value, call};
    }
    if (!formal.type) {
      if (given[i]->value.is<TensorValue>() && !run_time) {
        report(K::compile_time_argument, given[i]->span, context, formal.name.name, name, describe(given[i]->value))
            .note(fmt::format("`{}` has no type, and so takes a value that is known when compiling; `{}: real` takes a tensor",
                              formal.name.name, formal.name.name));
        ok = false;
      }
      formals_scope.locals[formal.name.name] = {given[i]->value, formal.name.span};
    }
    matched.push_back(std::move(*given[i]));
  }
  return ok ? std::optional(std::move(matched)) : std::nullopt;
}

/// At the call that stands last in the text, whichever function of the cycle was elaborated first.
void Elaborator::report_recursion(std::vector<OpenCall> cycle) {
  const auto last = std::max_element(cycle.begin(), cycle.end(), [](const OpenCall &a, const OpenCall &b) {
    return std::pair(a.span.file, a.span.begin) < std::pair(b.span.file, b.span.begin);
  });
  std::rotate(cycle.begin(), last, cycle.end());
  Diagnostic &diagnostic = diagnostics_.report(K::recursion, cycle.front().span, cycle.front().name);
  for (size_t i = 1; i < cycle.size(); ++i) diagnostic.note(cycle[i].span, fmt::format("it calls `{}`", cycle[i].name));
  diagnostic.note("functions do not recurse; `for` repeats");
}

Value Elaborator::call_function(const FunctionValue &function, std::vector<EvaluatedArgument> arguments, Span span,
                                const Context &context, const std::string &name) {
  const Function &declaration = *function.declaration;
  const Callee key(&declaration, function.self.instance.get());
  if (auto open = std::find_if(calls_.begin(), calls_.end(), [&](const OpenCall &c) { return c.callee == key; });
      open != calls_.end()) {
    std::vector<OpenCall> cycle(open + 1, calls_.end());
    cycle.push_back({key, name, span});
    report_recursion(std::move(cycle));
    return {};
  }
  called_.insert(key);

  Scope scope(function.scope, function.self);
  Activation activation{hash_path(context.activation->path, declaration.name.name, context.activation->ordinal++), 0,
                        context.activation->turn, context.activation->rolled_turn};
  auto matched = match_arguments(declaration.formals, std::move(arguments), name, span, declaration.name.span, scope, context);
  if (!matched) return {};
  const bool alone = span == name_span(declaration); // elaborated on its own: nothing calls it
  Context inside{context.frame, &scope, &activation, alone ? context.caller : sources_.place(span, context.caller), nullptr};

  std::vector<FormalLeaf> leaves;
  for (size_t i = 0; i < declaration.formals.size(); ++i)
    if (const Formal &formal = declaration.formals[i];
        formal.type && !formal_leaves(formal, *formal.type, (*matched)[i], name, span, leaves, context))
      return {};
  if (!bind_dimensions(function, leaves, name, span, context, inside)) return {};
  const auto axes = extra_axes(leaves, name, span, context);
  if (!axes) return {};

  std::unique_ptr<Frame> lifted = axes->empty() ? nullptr : std::make_unique<Frame>(*context.frame);
  std::vector<LiftArgument> lift_arguments;
  std::vector<Value> locals;
  for (FormalLeaf &leaf : leaves) {
    const TensorValue value = widen(leaf.value, leaf.declared.element.kind, context);
    if (!lifted) {
      place(span, context);
      TensorValue bound = copy(value, context);
      bound.type = leaf.declared;
      locals.push_back({bound});
      continue;
    }
    LiftArgument argument{value.node, std::vector<bool>(axes->size(), false)};
    for (size_t k = axes->size() - leaf.extra; k < axes->size(); ++k) argument.has_axis[k] = true;
    lift_arguments.push_back(std::move(argument));
    locals.push_back({TensorValue{lifted.get(), lifted->add_argument(leaf.formal->name.name, ir_type(leaf.declared), value.node),
                                  leaf.declared}});
  }
  if (lifted) inside.frame = lifted.get();
  size_t next = 0;
  for (const Formal &formal : declaration.formals)
    if (formal.type) scope.locals[formal.name.name] = {rebuild(*formal.type, locals, next), formal.name.span};

  std::map<std::string, Value> bound; // the formals, which the body may bind again
  for (const Formal &formal : declaration.formals) bound[formal.name.name] = scope.locals.at(formal.name.name).value;
  calls_.push_back({key, name, span});
  Value result = function_body(declaration, inside, name);
  if (const Function *adjoint = adjoint_of(function); adjoint && !result.poison()) {
    std::vector<Value> given;
    for (const Formal &formal : declaration.formals) given.push_back(bound.at(formal.name.name));
    result = declared_adjoint(function, *adjoint, result, given, span, inside);
  }
  calls_.pop_back();
  if (!lifted) return result;
  if (result.poison()) {
    abandon(*lifted);
    return {};
  }
  return close_lifted(*lifted, result, *axes, lift_arguments, span, context);
}

Value Elaborator::function_body(const Function &function, const Context &context, const std::string &name) {
  Value result = tuple({});
  const std::vector<Stmt> &statements = function.body.statements;
  ++depth_;
  const bool in_data = std::exchange(reading_data, false); // the body is no text of a `data` block that calls it
  for (size_t i = 0; i < statements.size(); ++i) execute(statements[i], context, i + 1 == statements.size() ? &result : nullptr);
  reading_data = in_data;
  --depth_;
  const Span last = statements.empty() ? function.span : statements.back().span;
  if (const auto *unit = result.get<TupleValue>(); unit && unit->items->empty()) {
    report(K::no_result, last, context, name).note("the last expression of a function is its result");
    return {};
  }
  if (!function.result || result.poison()) return result;
  return convert_leaves(result, *function.result, fmt::format("the result of `{}`", name), last, context);
}

Value Elaborator::convert_leaves(const Value &value, const TypeExpr &type, const std::string &what, Span span,
                                 const Context &context) {
  if (type.items.empty()) {
    bool ok = true;
    const Type wanted = evaluate_type(type, context, &ok);
    const auto tensor = ok ? convert_to(value, wanted, what, span, context) : std::nullopt;
    return tensor ? Value{*tensor} : Value{};
  }
  const auto *items = value.get<TupleValue>();
  if (!items || items->items->size() != type.items.size()) {
    report(K::type_mismatch, span, context, what, fmt::format("a tuple of {}", type.items.size()), describe(value));
    return {};
  }
  std::vector<Value> converted;
  for (size_t i = 0; i < type.items.size(); ++i) {
    converted.push_back(convert_leaves((*items->items)[i], type.items[i], what, span, context));
    if (converted.back().poison()) return {};
  }
  return tuple(std::move(converted));
}

} // namespace nnc::frontend
