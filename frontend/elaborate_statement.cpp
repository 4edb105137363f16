// Statements and blocks.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

bool is_unit(const Value &value) {
  const auto *items = value.get<TupleValue>();
  return items && items->items->empty();
}

} // namespace

Value Elaborator::evaluate_block(const Block &block, const Context &context) {
  Scope scope(*context.scope);
  Context inside = context;
  inside.scope = &scope;
  inside.instance_path = nullptr;
  Value result = tuple({});
  for (size_t i = 0; i < block.statements.size(); ++i)
    execute(block.statements[i], inside, i + 1 == block.statements.size() ? &result : nullptr);
  return result;
}

void Elaborator::execute(const Stmt &statement, const Context &context, Value *result) {
  if (const auto *form = std::get_if<BindStmt>(&statement.form)) {
    execute_bind(*form, statement.span, context);
  } else if (const auto *form = std::get_if<DefineStmt>(&statement.form)) {
    define(*form, statement.span, context);
  } else if (const auto *form = std::get_if<UpdateStmt>(&statement.form)) {
    execute_update(*form, context);
  } else if (const auto *form = std::get_if<YieldStmt>(&statement.form)) {
    report(K::misplaced_yield, statement.span, context);
    for (const ExprPtr &value : form->values) evaluate(*value, context);
  } else if (const auto *form = std::get_if<ExprStmt>(&statement.form)) {
    Value value = evaluate(*form->value, context);
    if (result)
      *result = std::move(value);
    else if (!value.poison() && !is_unit(value))
      report(K::unused_value, statement.span, context)
          .note(context.scope->loop ? "`yield …` at the end of a loop's body collects what each turn makes"
                                    : "bind it with `name = …`, or remove it");
  }
}

void Elaborator::execute_bind(const BindStmt &form, Span span, const Context &context) {
  Value value = evaluate(*form.value, context);
  place(span, context);
  if (form.names.size() == 1)
    bind(form.names.front(), std::move(value), context);
  else
    destructure(form, std::move(value), context);
}

void Elaborator::destructure(const BindStmt &statement, Value value, const Context &context) {
  const auto *items = value.get<TupleValue>();
  const size_t count = statement.names.size();
  if (!value.poison() && (!items || items->items->size() != count)) {
    const std::string found = items ? fmt::format("a tuple of {}", items->items->size()) : describe(value);
    report(K::wrong_tuple, statement.value->span, context, count, found);
    value = {};
    items = nullptr;
  }
  for (size_t i = 0; i < count; ++i)
    if (statement.names[i].name != "_") bind(statement.names[i], items ? (*items->items)[i] : Value{}, context);
}

void Elaborator::bind(const Identifier &name, Value value, const Context &context) {
  value = copy_leaves(value, context);
  bool in_loop = false;
  for (Scope *scope = context.scope; scope; scope = scope->barrier ? nullptr : scope->parent) {
    auto found = scope->locals.find(name.name);
    if (found != scope->locals.end()) {
      if (scope == context.scope) break; // shadows its own
      if (in_loop && !carry(value, found->second, name, context)) value = {};
      found->second.value = std::move(value);
      return;
    }
    in_loop = in_loop || keeps_types(*scope);
  }
  record_binding(name, value);
  context.scope->locals[name.name] = {std::move(value), name.span};
}

/// False for turns over layers with shapes of their own: over a list, or over the numbers by which they are taken from one.
bool Elaborator::keeps_types(const Scope &scope) const {
  return scope.loop && !(scope.parts_taken && *scope.parts_taken < parts_taken_);
}

bool Elaborator::carry(Value &value, const Local &local, const Identifier &name, const Context &context) {
  const Value &before = local.value;
  if (value.poison() || before.poison() || !holds_tensor(value)) return true;
  if (before.is<NumberValue>()) {
    const auto scalar =
        as_real_scalar(value, fmt::format("`{}`, carried by the loop as a number,", name.name), name.span, context);
    if (scalar) value = {*scalar};
    return scalar.has_value();
  }
  const auto *old = before.get<TensorValue>();
  if (!old) return true;
  const auto same = convert_to(value, old->type, fmt::format("`{}`, carried by the loop,", name.name), name.span, context);
  if (same) value = {*same};
  return same.has_value();
}

void Elaborator::execute_update(const UpdateStmt &form, const Context &context) {
  Value value = evaluate(*form.value, context);
  place(form.value->span, context);
  const std::string what = fmt::format("the new value of `{}`", form.name.name);
  if (Local *local = context.scope->find(form.name.name)) {
    if (!local->updatable) {
      report(K::not_a_state, form.name.span, context, form.name.name).note("`name = …` binds a name again");
    } else if (const auto *old = local->value.get<TensorValue>(); old && !value.poison()) {
      TensorValue target = *old;
      if (auto stretched = to_tensor(value, form.value->span, context, ElementKind::real);
          stretched && stretched->type.dims.empty())
        if (auto full = broadcast_to(*stretched, target.type.dims, context))
          value = {*full}; // an optimizer's state has p's shape
      if (auto converted = convert_to(value, target.type, what, form.value->span, context)) local->value = {*converted};
    }
    return;
  }
  const Instance *self = context.scope->self.instance.get();
  const auto found = self ? self->members.find(form.name.name) : std::map<std::string, Value>::const_iterator{};
  const SlotValue *slot = self && found != self->members.end() ? found->second.get<SlotValue>() : nullptr;
  if (!slot || tensors[slot->slot].kind != TensorKind::state) {
    report(K::not_a_state, form.name.span, context, form.name.name).note("a model's `state name: type = …` declares one");
    return;
  }
  if (value.poison()) return;
  if (auto converted = convert_to(value, tensors[slot->slot].type, what, form.value->span, context)) {
    if (context.frame->varies_by_example(converted->node)) {
      report(K::state_of_example, form.value->span, context, form.name.name)
          .note("a state has one value: `batch_mean(…)` makes one of a mini-batch's");
      return;
    }
    // No gradient flows through an update.
    converted->node = context.frame->builder().unary(ir::Op::stop_gradient, converted->node);
    Root &root = context.frame->root();
    root.states[slot->slot] = *converted;
    if (std::find(root.updated.begin(), root.updated.end(), slot->slot) == root.updated.end()) root.updated.push_back(slot->slot);
  }
}

void Elaborator::record_binding(const Identifier &name, const Value &value) {
  if (sources_.file(name.span.file).prelude() || value.poison()) return;
  const std::pair key(name.span.file, name.span.begin);
  bindings_.emplace(key, Binding{name.span, name.name, false});
  TypedBinding &typed = typed_.try_emplace(key, TypedBinding{name.span, name.name, {}}).first->second;
  const std::string type = describe(value);
  if (std::find(typed.types.begin(), typed.types.end(), type) == typed.types.end()) typed.types.push_back(type);
}

} // namespace nnc::frontend
