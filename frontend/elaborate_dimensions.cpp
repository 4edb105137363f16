// Types and dimension variables: what a call binds, and what it must agree with.

#include "frontend/elaborator.h"
#include "frontend/formal_leaf.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

std::optional<ElementKind> element_kind(const std::string &name) {
  static const std::map<std::string, ElementKind> kinds = {
      {"real", ElementKind::real}, {"i32", ElementKind::i32}, {"bool", ElementKind::boolean}, {"index", ElementKind::index}};
  const auto found = kinds.find(name);
  return found == kinds.end() ? std::nullopt : std::optional(found->second);
}

Value rebuild(const TypeExpr &type, const std::vector<Value> &leaves, size_t &next) {
  if (type.items.empty()) return leaves[next++];
  std::vector<Value> items;
  for (const TypeExpr &item : type.items) items.push_back(rebuild(item, leaves, next));
  return tuple(std::move(items));
}

std::optional<Element> Elaborator::declared_element(const TypeExpr &type, const Context &context) {
  const auto kind = element_kind(type.name.name);
  if (!kind) {
    Diagnostic &diagnostic = report(K::unknown_type, type.name.span, context, type.name.name);
    const std::string near = nearest_name(type.name.name, {"real", "i32", "bool", "index"});
    diagnostic.note(near.empty() ? "types are `real`, `i32`, `bool` and `index(n)`" : fmt::format("did you mean `{}`?", near));
    return std::nullopt;
  }
  if ((*kind == ElementKind::index) != (type.argument != nullptr)) {
    report(K::index_argument, type.name.span, context, type.name.name);
    return std::nullopt;
  }
  return Element{*kind, {}, {}};
}

std::optional<Dim> Elaborator::dimension(const Expr &expr, const Context &context) {
  const Value value = evaluate(expr, context);
  if (counts_examples(value)) return batch_dim;
  const auto whole = as_integer(value, "a dimension", expr.span, context);
  if (!whole) return std::nullopt;
  if (*whole < 1) {
    report(K::dimension_not_positive, expr.span, context, *whole);
    return std::nullopt;
  }
  return Dim{*whole, value.get<NumberValue>()->name};
}

Type Elaborator::evaluate_type(const TypeExpr &type, const Context &context, bool *ok) {
  Type result;
  if (!type.items.empty()) {
    report(K::tuple_type, type.span, context);
    *ok = false;
    return result;
  }
  const auto element = declared_element(type, context);
  if (element) result.element = *element;
  *ok = element.has_value();
  auto dim = [&](const Expr &expr) {
    const auto value = dimension(expr, context);
    *ok = *ok && value.has_value();
    return value.value_or(Dim{});
  };
  if (element && type.argument) result.element.limit = dim(*type.argument);
  for (const ExprPtr &expr : type.dims) result.dims.push_back(dim(*expr));
  *ok = *ok && size_ok(result.dims, type.span, context);
  return result;
}

bool Elaborator::formal_leaves(const Formal &formal, const TypeExpr &type, const EvaluatedArgument &argument,
                               const std::string &callee, Span call, std::vector<FormalLeaf> &leaves, const Context &context) {
  if (!type.items.empty()) {
    const auto *items = argument.value.get<TupleValue>();
    if (!items || items->items->size() != type.items.size()) {
      report(K::type_mismatch, argument.span, context, fmt::format("`{}` of `{}`", formal.name.name, callee),
             fmt::format("a tuple of {}", type.items.size()), describe(argument.value));
      return false;
    }
    for (size_t i = 0; i < type.items.size(); ++i)
      if (!formal_leaves(formal, type.items[i], {"", (*items->items)[i], argument.span}, callee, call, leaves, context))
        return false;
    return true;
  }
  const auto element = declared_element(type, context);
  if (!element) return false;
  const auto tensor = to_tensor(argument.value, argument.span, context, element->kind);
  if (!tensor) return false;
  FormalLeaf leaf{&formal, &type, argument.value, argument.span, *tensor, 0, {*element, std::vector<Dim>(type.dims.size())}, {}};
  leaf.known.assign(type.dims.size(), false);
  leaves.push_back(std::move(leaf));
  return true;
}

bool Elaborator::is_dimension_variable(const std::string &name, const FunctionValue &function, const Context &context) {
  if (context.scope->find(name)) return false;
  const Instance *self = function.self.instance.get();
  if (self && (self->members.contains(name) ? self->members.at(name).is<NumberValue>() : self->arguments.contains(name)))
    return false;
  const FileScope *where = nullptr;
  const auto declared = find_declaration(*context.scope->file, name, &where);
  const auto *let = declared ? std::get_if<const Let *>(&*declared) : nullptr;
  return !let || !let_value(**let, *where, (*let)->name.span, context).is<NumberValue>();
}

bool Elaborator::bind_dimensions(const FunctionValue &function, std::vector<FormalLeaf> &leaves, const std::string &callee,
                                 Span call, const Context &outer, const Context &inner) {
  Scope &scope = *inner.scope;
  std::map<std::string, const FormalLeaf *> variables; // and what bound them
  auto mismatch = [&](const FormalLeaf &leaf, const std::string &variable) {
    const auto origin = variables.find(variable);
    report_argument(leaf, leaves, callee, function, call, outer,
                    origin == variables.end() || origin->second == &leaf ? nullptr : origin->second, variable, inner);
    return false;
  };
  for (FormalLeaf &leaf : leaves) {
    if (leaf.value.type.dims.size() < leaf.type->dims.size()) return mismatch(leaf, "");
    leaf.extra = leaf.value.type.dims.size() - leaf.type->dims.size();
  }

  // A name that is an integer is that integer; any other is a variable, and bare occurrences bind it: first extents, then limits of indices.
  auto taken = [&](const std::string &name) {
    for (const Formal &formal : function.declaration->formals)
      if (formal.type && formal.name.name == name) return true;
    const Instance *self = function.self.instance.get();
    return self && (self->members.contains(name) || self->functions.contains(name));
  };
  auto is_variable = [&](const std::string &name) {
    return variables.contains(name) || is_dimension_variable(name, function, inner);
  };
  auto bare = [&](FormalLeaf &leaf, const Expr &expr, const Dim &have, bool limit) {
    const std::string &name = std::get<NameExpr>(expr.form).name;
    if (taken(name)) {
      report(K::variable_is_taken, expr.span, outer, name);
      return false;
    }
    const auto bound = scope.locals.find(name);
    if (bound == scope.locals.end()) {
      scope.locals[name] = {value_of(have), expr.span};
      variables[name] = &leaf;
      return true;
    }
    const Dim wanted = *dim_of(bound->second.value);
    if (limit ? !within(have, wanted) : !agree(have, wanted)) return mismatch(leaf, name);
    if (!limit) bound->second.value = value_of(merge(wanted, have));
    return true;
  };
  for (FormalLeaf &leaf : leaves)
    for (size_t k = 0; k < leaf.type->dims.size(); ++k) {
      const auto *name = std::get_if<NameExpr>(&leaf.type->dims[k]->form);
      if (name && is_variable(name->name) && !bare(leaf, *leaf.type->dims[k], leaf.value.type.dims[leaf.extra + k], false))
        return false;
    }
  for (FormalLeaf &leaf : leaves) {
    const auto *name = leaf.type->argument ? std::get_if<NameExpr>(&leaf.type->argument->form) : nullptr;
    const Element &have = leaf.value.type.element;
    if (!name || have.kind != ElementKind::index || !is_variable(name->name)) continue;
    if (have.variable && !have.variable->known) {
      report(K::index_range_unknown, have.variable->span, outer, have.variable->name);
      return false;
    }
    if (!bare(leaf, *leaf.type->argument, have.variable ? have.variable->extent : have.limit, true)) return false;
  }

  // All else is evaluated and compared.
  for (FormalLeaf &leaf : leaves) {
    for (size_t k = 0; k < leaf.type->dims.size(); ++k) {
      if (has_unbound(*leaf.type->dims[k], is_variable, scope, inner)) return false;
      const auto wanted = dimension(*leaf.type->dims[k], inner);
      if (!wanted) return false;
      leaf.declared.dims[k] = *wanted;
      leaf.known[k] = true;
    }
    if (leaf.type->argument) {
      if (has_unbound(*leaf.type->argument, is_variable, scope, inner)) return false;
      const auto limit = dimension(*leaf.type->argument, inner);
      if (!limit) return false;
      leaf.declared.element.limit = *limit;
    }
    for (size_t k = 0; k < leaf.declared.dims.size(); ++k) {
      const Dim &have = leaf.value.type.dims[leaf.extra + k];
      if (!agree(leaf.declared.dims[k], have)) return mismatch(leaf, "");
      leaf.declared.dims[k] = merge(leaf.declared.dims[k], have);
    }
    const bool literal = leaf.given.is<NumberValue>() || leaf.given.is<ListValue>();
    if (literal && leaf.declared.element.kind == ElementKind::index) {
      Type same = leaf.value.type;
      same.element = leaf.declared.element;
      const auto converted = convert_to(leaf.given, same, fmt::format("`{}`", leaf.formal->name.name), leaf.span, outer);
      if (!converted) return false;
      leaf.value = *converted;
    }
    if (!element_fits(leaf.value, leaf.declared.element)) return mismatch(leaf, "");
  }
  return true;
}

bool Elaborator::has_unbound(const Expr &expr, const std::function<bool(const std::string &)> &is_variable, const Scope &scope,
                             const Context &context) {
  if (const auto *name = std::get_if<NameExpr>(&expr.form)) {
    if (scope.locals.contains(name->name) || !is_variable(name->name)) return false;
    report(K::dimension_unbound, expr.span, context, name->name)
        .note("a dimension variable must occur alone in a parameter's type, where the call binds it");
    return true;
  }
  if (const auto *binary = std::get_if<BinaryExpr>(&expr.form))
    return has_unbound(*binary->left, is_variable, scope, context) || has_unbound(*binary->right, is_variable, scope, context);
  return false;
}

void Elaborator::report_argument(const FormalLeaf &leaf, const std::vector<FormalLeaf> &leaves, const std::string &callee,
                                 const FunctionValue &function, Span call, const Context &outer, const FormalLeaf *origin,
                                 const std::string &variable, const Context &inner) {
  // The declared type with what is bound so far.
  std::string expected = leaf.type->name.name;
  auto text = [&](const Expr &expr, bool known, const Dim &dim) {
    if (known) return to_string(dim);
    const auto *name = std::get_if<NameExpr>(&expr.form);
    const Local *local = name ? inner.scope->find(name->name) : nullptr;
    if (const auto bound = local ? dim_of(local->value) : std::nullopt) return to_string(*bound);
    const Instance *self = function.self.instance.get();
    if (name && self && self->arguments.contains(name->name))
      if (const auto *argument = self->arguments.at(name->name).get<NumberValue>())
        return argument->name ? argument->name->text : argument->number.text();
    return std::string(sources_.text(expr.span));
  };
  if (leaf.type->argument)
    expected +=
        fmt::format("({})", text(*leaf.type->argument, leaf.declared.element.limit.value > 1 || leaf.declared.element.limit.batch,
                                 leaf.declared.element.limit));
  for (size_t k = 0; k < leaf.type->dims.size(); ++k)
    expected += (k == 0 ? "[" : ", ") + text(*leaf.type->dims[k], leaf.known[k], leaf.declared.dims[k]);
  if (!leaf.type->dims.empty()) expected += "]";

  const std::string who =
      leaves.size() == 1 ? fmt::format("`{}`", callee) : fmt::format("`{}` of `{}`", leaf.formal->name.name, callee);
  Diagnostic &diagnostic = report(K::argument_type, call, outer, who, expected, to_string(leaf.value.type));
  label_type(diagnostic, leaf.span, leaf.value.type);
  if (origin) {
    label_type(diagnostic, origin->span, origin->value.type);
    const Dim bound = dim_of(inner.scope->locals[variable].value).value_or(Dim{0});
    diagnostic.note(fmt::format("`{}` is {}, from `{}`", variable, to_string(bound), origin->formal->name.name));
  }
  note_callee(diagnostic, function, callee);
}

void Elaborator::note_callee(Diagnostic &diagnostic, const FunctionValue &function, const std::string &callee) const {
  const Function &declaration = *function.declaration;
  if (const Instance *instance = function.self.instance.get(); instance && declaration.name.name.empty()) {
    diagnostic.note(fmt::format("`{}` is {}, made at {}", callee, instance->description, sources_.describe(instance->made)));
  } else if (!declaration.formals.empty()) {
    const Formal &last = declaration.formals.back();
    const Span end = last.default_value ? last.default_value->span : last.type ? last.type->span : last.name.span;
    diagnostic.note(fmt::format("`{}` takes ({})", callee, sources_.text(join(declaration.formals.front().name.span, end))));
  }
}

std::optional<std::vector<Dim>> Elaborator::extra_axes(std::vector<FormalLeaf> &leaves, const std::string &callee, Span call,
                                                       const Context &context) {
  const FormalLeaf *longest = nullptr;
  for (const FormalLeaf &leaf : leaves)
    if (!longest || leaf.extra > longest->extra) longest = &leaf;
  if (!longest || longest->extra == 0) return std::vector<Dim>{};
  std::vector<Dim> axes(longest->value.type.dims.begin(), longest->value.type.dims.begin() + longest->extra);
  for (const FormalLeaf &leaf : leaves)
    for (size_t k = 0; k < leaf.extra; ++k) {
      Dim &axis = axes[axes.size() - leaf.extra + k];
      const Dim &mine = leaf.value.type.dims[k];
      if (!agree(axis, mine)) {
        Diagnostic &diagnostic = report(K::extra_axes_differ, call, context, callee, leaf.formal->name.name, to_string(mine),
                                        longest->formal->name.name, to_string(axis));
        label_type(diagnostic, longest->span, longest->value.type);
        label_type(diagnostic, leaf.span, leaf.value.type);
        return std::nullopt;
      }
      axis = merge(axis, mine);
    }
  return axes;
}

} // namespace nnc::frontend
