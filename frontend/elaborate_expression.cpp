// Expressions: the walk over the tree. A chain of operators, calls, subscripts and pipes leans to the left and may be long: it is evaluated in a loop
// from its innermost operand outwards.

#include "frontend/limits.h"
#include "frontend/loop_sequence.h"

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The operand that is evaluated first, of the forms that lean to the left.
const Expr *first_operand(const Expr &expr) {
  if (const auto *form = std::get_if<BinaryExpr>(&expr.form)) return form->left.get();
  if (const auto *form = std::get_if<PipeExpr>(&expr.form)) return form->value.get();
  if (const auto *form = std::get_if<CallExpr>(&expr.form)) return form->callee.get();
  if (const auto *form = std::get_if<SubscriptExpr>(&expr.form)) return form->base.get();
  if (const auto *form = std::get_if<MemberExpr>(&expr.form)) return form->base.get();
  if (const auto *form = std::get_if<TransposeExpr>(&expr.form)) return form->operand.get();
  return nullptr;
}

Span span_of(const Argument &argument) {
  return argument.name ? join(argument.name->span, argument.value->span) : argument.value->span;
}

} // namespace

bool Elaborator::enter(Span span, const Context &context) {
  const size_t nodes = context.frame->function().nodes.size();
  ++steps_;
  if (depth_ <= max_depth && steps_ <= max_steps && nodes <= max_nodes) return true;
  if (limit_reported_) return false;
  limit_reported_ = true;
  if (depth_ > max_depth)
    report(K::limit_exceeded, span, context, "calls and expressions within each other", depth_, max_depth);
  else if (nodes > max_nodes)
    report(K::limit_exceeded, span, context, "nodes of the graph", nodes, max_nodes);
  else
    report(K::limit_exceeded, span, context, "operations to elaborate", steps_, max_steps);
  return false;
}

void Elaborator::place(Span span, const Context &context) {
  context.frame->builder().set_place(sources_.place(span, context.caller));
}

Value Elaborator::evaluate(const Expr &expr, const Context &context) {
  std::vector<const Expr *> chain;
  const Expr *innermost = &expr;
  while (const Expr *first = is_checkpoint(*innermost, context) ? nullptr : first_operand(*innermost)) {
    chain.push_back(innermost);
    innermost = first;
  }
  ++depth_;
  Value value;
  if (enter(expr.span, context)) {
    value = evaluate_leaf(*innermost, context);
    for (; !chain.empty() && enter(chain.back()->span, context); chain.pop_back()) value = apply(*chain.back(), value, context);
    if (!chain.empty()) value = {};
  }
  --depth_;
  return value;
}

Value Elaborator::apply(const Expr &expr, const Value &first, const Context &context) {
  if (const auto *form = std::get_if<BinaryExpr>(&expr.form)) {
    const bool *known = first.get<bool>(); // `and`, `or` of conditions that are known look no further than they must
    if (known && form->op == BinaryOperator::logical_and && !*known) return first;
    if (known && form->op == BinaryOperator::logical_or && *known) return first;
    const Value right = evaluate(*form->right, context);
    if (first.poison() || right.poison()) return {};
    place(expr.span, context);
    return binary(form->op, first, form->left->span, right, form->right->span, form->op_span, context);
  }
  if (const auto *form = std::get_if<PipeExpr>(&expr.form)) return evaluate_pipe(form->stage, first, form->value->span, context);
  if (const auto *form = std::get_if<CallExpr>(&expr.form)) {
    std::vector<EvaluatedArgument> arguments;
    const std::string name(sources_.text(form->callee->span));
    const std::string *path = first.is<ModelValue>() ? context.instance_path : nullptr;
    Context inside = context;
    for (const Argument &argument : form->arguments) {
      // A model made as an argument is named by the parameter that it is given for, or by its place.
      std::string made;
      if (path) made = *path + "." + (argument.name ? argument.name->name : fmt::format("{}", arguments.size()));
      inside.instance_path = path ? &made : nullptr;
      arguments.push_back({argument.name ? argument.name->name : "", evaluate(*argument.value, inside), span_of(argument)});
    }
    return first.poison() ? Value{} : call(first, std::move(arguments), form->callee->span, context, name);
  }
  if (const auto *form = std::get_if<SubscriptExpr>(&expr.form)) return subscript(*form, first, form->base->span, context);
  if (const auto *form = std::get_if<MemberExpr>(&expr.form))
    return first.poison() ? Value{} : member(first, form->member, context);
  if (const auto *form = std::get_if<TransposeExpr>(&expr.form)) {
    place(expr.span, context);
    return first.poison() ? Value{} : transpose(first, form->operand->span, context);
  }
  throw ir::InternalError("an expression that has no first operand");
}

Value Elaborator::evaluate_leaf(const Expr &expr, const Context &context) {
  if (const auto *form = std::get_if<NumberExpr>(&expr.form)) return {NumberValue{Number::parse(form->digits, form->percent)}};
  if (const auto *form = std::get_if<StringExpr>(&expr.form)) return {form->value};
  if (const auto *form = std::get_if<BoolExpr>(&expr.form)) return {form->value};
  if (const auto *form = std::get_if<NameExpr>(&expr.form)) return name_value(form->name, expr.span, context);
  if (const auto *form = std::get_if<TupleExpr>(&expr.form)) {
    std::vector<Value> items;
    for (const ExprPtr &item : form->items) items.push_back(evaluate(*item, context));
    for (const Value &item : items)
      if (item.poison()) return {};
    return tuple(std::move(items));
  }
  if (const auto *form = std::get_if<ListExpr>(&expr.form)) return evaluate_list(*form, context);
  if (const auto *form = std::get_if<ComprehensionExpr>(&expr.form)) return evaluate_comprehension(*form, context);
  if (const auto *form = std::get_if<UnaryExpr>(&expr.form)) {
    const Value operand = evaluate(*form->operand, context);
    place(expr.span, context);
    return operand.poison() ? Value{} : unary(form->op, operand, form->operand->span, context);
  }
  if (const auto *form = std::get_if<ReduceExpr>(&expr.form)) return reduce_indices(*form, expr.span, context);
  if (const auto *form = std::get_if<ForExpr>(&expr.form)) return evaluate_for(*form, expr.span, context);
  if (const auto *form = std::get_if<CallExpr>(&expr.form))
    return checkpointed(*form->arguments.front().value, expr.span, context);
  if (const auto *form = std::get_if<PipeExpr>(&expr.form)) return checkpointed(*form->value, expr.span, context);
  if (const auto *form = std::get_if<IfExpr>(&expr.form)) return evaluate_if(*form, context);
  return {}; // ErrorExpr
}

Value Elaborator::evaluate_list(const ListExpr &form, const Context &context) {
  std::vector<Value> items;
  Context inside = context;
  for (const ExprPtr &item : form.items) {
    std::string path;
    if (context.instance_path) path = fmt::format("{}.{}", *context.instance_path, items.size());
    inside.instance_path = context.instance_path ? &path : nullptr;
    items.push_back(evaluate(*item, inside));
  }
  for (const Value &item : items)
    if (item.poison()) return {};
  return list(std::move(items));
}

Value Elaborator::evaluate_comprehension(const ComprehensionExpr &form, const Context &context) {
  const std::optional<Sequence> sequence = loop_sequence(form.source.get(), form.range, context);
  const auto turns = sequence ? turns_of(*sequence, context) : std::nullopt;
  if (!turns) return {};
  std::vector<Value> items;
  bool ok = true;
  const Activation before = *context.activation;
  int last_ordinal = before.ordinal;
  for (size_t turn = 0; turn < turns->size(); ++turn) {
    Scope scope(*context.scope, true);
    scope.locals[form.variable.name] = {(*turns)[turn], form.variable.span};
    std::string path;
    if (context.instance_path) path = fmt::format("{}.{}", *context.instance_path, turn);
    Context inside = context;
    inside.scope = &scope;
    inside.instance_path = context.instance_path ? &path : nullptr;
    *context.activation = turned(before, turn, context);
    items.push_back(evaluate(*form.item, inside));
    last_ordinal = context.activation->ordinal;
    ok = ok && !items.back().poison();
    if (!ok) break;
  }
  *context.activation = before;
  context.activation->ordinal = last_ordinal;
  return ok ? list(std::move(items)) : Value{};
}

Value Elaborator::evaluate_pipe(const PipeStage &stage, Value value, Span value_span, const Context &context) {
  if (!stage.list.empty()) {
    for (const PipeStage &item : stage.list) {
      value = evaluate_pipe(item, std::move(value), value_span, context);
      value_span = item.span;
    }
    return value;
  }
  if (!stage.callee) return {}; // what could not be parsed
  const Value callee = evaluate(*stage.callee, context);
  std::vector<EvaluatedArgument> arguments = evaluate_arguments(stage.arguments, context);
  if (value.poison() || callee.poison()) return {};
  arguments.insert(arguments.begin(), {"", value, value_span});
  const std::string name(sources_.text(stage.callee->span));
  const auto *stages = callee.get<ListValue>();
  if (!stages || stage.has_arguments) return call(callee, std::move(arguments), stage.callee->span, context, name);
  for (size_t i = 0; i < stages->items->size(); ++i)
    value = call((*stages->items)[i], {{"", value, value_span}}, stage.callee->span, context, fmt::format("{}[{}]", name, i));
  return value;
}

Value Elaborator::evaluate_if(const IfExpr &form, const Context &context) {
  const Value condition = evaluate(*form.condition, context);
  if (condition.poison()) return {};
  const bool *known = condition.get<bool>();
  if (!known) {
    report(K::condition_not_known, form.condition->span, context, describe(condition))
        .note("`where(c, a, b)` chooses by a condition of the example");
    return {};
  }
  if (*known) return evaluate_block(*form.then_block, context);
  return form.else_block ? evaluate_block(*form.else_block, context) : tuple({});
}

std::vector<EvaluatedArgument> Elaborator::evaluate_arguments(const std::vector<Argument> &arguments, const Context &context) {
  std::vector<EvaluatedArgument> values;
  Context inside = context;
  inside.instance_path = nullptr;
  for (const Argument &argument : arguments)
    values.push_back({argument.name ? argument.name->name : "", evaluate(*argument.value, inside), span_of(argument)});
  return values;
}

} // namespace nnc::frontend
