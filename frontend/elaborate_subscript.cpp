// Subscripts: numbers and slices that are known when compiling, then indices, which gather.

#include "frontend/elaborator.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;

/// What one subscript takes of its axis when it is known: a stretch, or one element (`drop`).
struct Elaborator::StaticSubscript {
  int64_t start = 0, limit = 0, stride = 1;
  bool drop = false;
  Dim dim;
};

namespace {

/// `-k` written as such: only that counts from the end.
bool is_negative_literal(const Expr &expr) {
  const auto *form = std::get_if<UnaryExpr>(&expr.form);
  return form && form->op == UnaryOperator::negate && std::holds_alternative<NumberExpr>(form->operand->form);
}

} // namespace

Value Elaborator::subscript(const SubscriptExpr &form, const Value &base, Span base_span, const Context &context) {
  std::vector<Value> at;
  bool ok = !base.poison();
  for (const Subscript &sub : form.subscripts) {
    at.push_back(sub.kind == Subscript::Kind::at ? evaluate(*sub.at, context) : Value{false});
    ok = ok && !at.back().poison();
  }
  if (!ok) return {};
  if (const auto *items = base.get<ListValue>(); items && form.subscripts.size() == 1 && !at.front().is<TensorValue>())
    return subscript_list(*items, form.subscripts.front(), at.front(), base_span, context);
  if (const auto *source = base.get<SourceValue>())
    if (std::optional<Value> part = source_subscript(*source, form, at, base_span, context)) return *part;
  place(base_span, context);
  const auto tensor = as_tensor(base, base_span, context);
  return tensor ? subscript_tensor(*tensor, form, at, base_span, context) : Value{};
}

Value Elaborator::subscript_list(const ListValue &items, const Subscript &sub, const Value &at, Span base,
                                 const Context &context) {
  const Dim extent{static_cast<int64_t>(items.items->size()), nullptr};
  StaticSubscript taken;
  if (sub.kind == Subscript::Kind::at) {
    const auto number = as_number(at, "the subscript of a list", sub.span, context);
    return number && static_index(sub, *number, extent, taken, base, context) ? (*items.items)[taken.start] : Value{};
  }
  if (!static_slice(sub, extent, taken, true, base, context)) return {};
  std::vector<Value> some;
  for (int64_t i = taken.start; i < taken.limit; i += taken.stride) some.push_back((*items.items)[i]);
  return list(std::move(some));
}

bool Elaborator::static_index(const Subscript &sub, const Number &number, const Dim &axis, StaticSubscript &taken, Span base,
                              const Context &context) {
  const auto whole = as_integer({NumberValue{number}}, "a subscript", sub.span, context);
  if (!whole || !extent_known(axis, "a subscript that is a number", sub.span, context)) return false;
  const int64_t at = *whole < 0 && is_negative_literal(*sub.at) ? *whole + axis.value : *whole;
  if (at < 0 || at >= axis.value) {
    report(K::out_of_bounds, sub.span, context, *whole, to_string(axis), axis.value - 1)
        .label(base, fmt::format("an axis of {}", to_string(axis)));
    return false;
  }
  taken = {at, at + 1, 1, true, {1, nullptr}};
  return true;
}

bool Elaborator::static_slice(const Subscript &sub, const Dim &axis, StaticSubscript &taken, bool may_be_empty, Span base,
                              const Context &context) {
  taken = {0, axis.value, 1, false, axis};
  if (sub.kind == Subscript::Kind::whole) return true;
  if (!extent_known(axis, "a slice", sub.span, context)) return false;
  const DimName *end_name = nullptr;
  auto number = [&](const ExprPtr &expr, const char *what, int64_t &to, const DimName **name) {
    if (!expr) return true;
    const Value value = evaluate(*expr, context);
    const auto whole = as_integer(value, what, expr->span, context);
    if (!whole) return false;
    to = *whole;
    if (name) *name = value.get<NumberValue>()->name;
    return true;
  };
  auto bound = [&](const ExprPtr &expr, const char *what, int64_t &to, const DimName **name) {
    if (!number(expr, what, to, name)) return false;
    if (expr && to < 0 && is_negative_literal(*expr)) to += axis.value;
    return true;
  };
  const bool whole_range = !sub.slice.low && !sub.slice.high;
  if (!bound(sub.slice.low, "a slice's start", taken.start, nullptr) ||
      !bound(sub.slice.high, "a slice's end", taken.limit, &end_name) ||
      !number(sub.stride, "a slice's step", taken.stride, nullptr))
    return false;
  if (taken.stride < 1) {
    report(K::number_too_small, sub.stride->span, context, "a slice's step", 1, taken.stride)
        .note("`reverse` turns an axis around");
    return false;
  }
  const bool empty = taken.start > taken.limit || (taken.start == taken.limit && !may_be_empty);
  if (taken.start < 0 || taken.limit > axis.value || empty) {
    report(K::slice_out_of_bounds, sub.span, context, taken.start, taken.limit, to_string(axis))
        .label(base, fmt::format("an axis of {}", to_string(axis)))
        .note("a slice a..b needs 0 <= a < b, and b at most the extent");
    return false;
  }
  // 0..n passes the name of n on; the whole axis keeps its own.
  const bool from_zero = taken.start == 0 && taken.stride == 1;
  const bool all = from_zero && taken.limit == axis.value && !sub.slice.high;
  taken.dim = {(taken.limit - taken.start + taken.stride - 1) / taken.stride, from_zero ? end_name : nullptr};
  if (all || whole_range) taken.dim.name = from_zero ? axis.name : nullptr;
  return true;
}

Value Elaborator::subscript_tensor(TensorValue tensor, const SubscriptExpr &form, const std::vector<Value> &at, Span base,
                                   const Context &context) {
  const size_t rank = tensor.type.dims.size();
  if (form.subscripts.size() > rank) {
    report(K::too_many_subscripts, form.subscripts[rank].span, context, form.subscripts.size(), to_string(tensor.type))
        .label(base, to_string(tensor.type));
    return {};
  }
  std::vector<StaticSubscript> taken;
  std::vector<std::pair<int, TensorValue>> indices; // axis, in what is left after the static ones
  int axis = 0;
  for (size_t k = 0; k < rank; ++k) {
    const Dim &dim = tensor.type.dims[k];
    StaticSubscript here{0, dim.value, 1, false, dim};
    if (k < form.subscripts.size()) {
      const Subscript &sub = form.subscripts[k];
      const auto *number = at[k].get<NumberValue>();
      if (sub.kind != Subscript::Kind::at) {
        if (!static_slice(sub, dim, here, false, base, context)) return {};
      } else if (number) {
        if (!static_index(sub, number->number, dim, here, base, context)) return {};
      } else {
        const auto index = to_tensor(at[k], sub.span, context, ElementKind::index);
        if (!index || !index_fits(*index, dim, sub.span, base, context)) return {};
        indices.emplace_back(axis, *index);
      }
    }
    taken.push_back(here);
    if (!here.drop) ++axis;
  }
  place(join(base, form.subscripts.back().span), context);
  const TensorValue part = take(tensor, taken, context);
  return indices.empty() ? Value{part} : gather(part, std::move(indices), base, context);
}

std::optional<Elaborator::StaticRange> Elaborator::static_range(const Subscript &sub, const NumberValue *number, const Dim &axis,
                                                                Span base, const Context &context) {
  StaticSubscript taken;
  const bool ok = number ? static_index(sub, number->number, axis, taken, base, context)
                         : static_slice(sub, axis, taken, false, base, context);
  return ok ? std::optional(StaticRange{taken.start, taken.limit, taken.stride}) : std::nullopt;
}

TensorValue Elaborator::take(const TensorValue &tensor, const std::vector<StaticSubscript> &taken, const Context &context) {
  std::vector<int64_t> start, limit, stride;
  Type type{tensor.type.element, {}};
  bool all = true, dropped = false;
  for (size_t k = 0; k < taken.size(); ++k) {
    start.push_back(taken[k].start);
    limit.push_back(tensor.type.dims[k].batch ? 0 : taken[k].limit); // taken whole
    stride.push_back(taken[k].stride);
    all = all && taken[k].start == 0 && taken[k].limit == tensor.type.dims[k].value && taken[k].stride == 1;
    dropped = dropped || taken[k].drop;
    if (!taken[k].drop) type.dims.push_back(taken[k].dim);
  }
  ir::NodeId node = context.frame->use(tensor);
  if (!all) node = context.frame->builder().slice(node, start, limit, stride);
  if (dropped) node = context.frame->builder().reshape(node, ir_type(type).dims);
  return make(node, type, context);
}

Value Elaborator::row_of(const TensorValue &tensor, int64_t row, const Context &context) {
  std::vector<StaticSubscript> taken;
  for (const Dim &dim : tensor.type.dims) taken.push_back({0, dim.value, 1, false, dim});
  taken.front() = {row, row + 1, 1, true, {1, nullptr}};
  return {take(tensor, taken, context)};
}

bool Elaborator::index_fits(const TensorValue &index, const Dim &axis, Span span, Span base, const Context &context) {
  const Element &element = index.type.element;
  if (element.kind == ElementKind::i32) return sum_fits(index, axis, span, base, context);
  if (element.kind != ElementKind::index) {
    report(K::not_an_index, span, context, to_string(index.type)).note("`to_index(e, n)` makes an index of a number");
    return false;
  }
  if (IndexVariable *variable = element.variable.get()) {
    if (!variable->known) {
      variable->known = true;
      variable->extent = axis;
      variable->known_by = span;
      return true;
    }
    const bool same = agree(variable->extent, axis);
    if (same || (variable->given && within(variable->extent, axis))) {
      if (same && !variable->given) variable->extent = merge(variable->extent, axis);
      return true;
    }
    report(K::index_disagrees, span, context, variable->name, to_string(variable->extent), to_string(axis))
        .label(base, fmt::format("an axis of {}", to_string(axis)))
        .note(variable->known_by, fmt::format("`{}` runs over {} because of this", variable->name, to_string(variable->extent)));
    return false;
  }
  if (within(element.limit, axis)) return true;
  report(K::index_too_large, span, context, to_string(element), to_string(axis))
      .label(base, fmt::format("an axis of {}", to_string(axis)));
  return false;
}

bool Elaborator::sum_fits(const TensorValue &index, const Dim &axis, Span span, Span base, const Context &context) {
  const auto form = index_form(*context.frame, context.frame->use(index));
  if (!form) {
    report(K::not_a_sum_of_indices, span, context)
        .note("as in `x[2*i + p - 1]`; `to_index(e, n)` makes an index of any other number");
    return false;
  }
  const IndexedAxis indexed{*form, axis, span, base, context.caller};
  const bool known = std::all_of(form->terms.begin(), form->terms.end(), [](const auto &term) { return term.variable->known; });
  if (known) return sum_inside(indexed);
  indexed_axes_.push_back(indexed);
  return true;
}

Value Elaborator::gather(TensorValue base, std::vector<std::pair<int, TensorValue>> indices, Span span, const Context &context) {
  ir::Builder &builder = context.frame->builder();
  auto axes_to_front = [&](const std::vector<int> &axes) {
    std::vector<int64_t> permutation(axes.begin(), axes.end());
    std::vector<Dim> dims;
    for (size_t k = 0; k < base.type.dims.size(); ++k)
      if (std::find(axes.begin(), axes.end(), static_cast<int>(k)) == axes.end()) permutation.push_back(static_cast<int64_t>(k));
    for (int64_t k : permutation) dims.push_back(base.type.dims[k]);
    if (!std::is_sorted(permutation.begin(), permutation.end())) base.node = builder.transpose(base.node, permutation);
    base.type.dims = dims;
  };
  // Single indices one after the other, so that those of index notation can vanish when they are lifted.
  for (size_t i = 0; i < indices.size();) {
    if (!indices[i].second.type.dims.empty()) {
      ++i;
      continue;
    }
    const int axis = indices[i].first;
    axes_to_front({axis});
    base = make(builder.gather(base.node, indices[i].second.node, 0),
                {base.type.element, std::vector<Dim>(base.type.dims.begin() + 1, base.type.dims.end())}, context);
    indices.erase(indices.begin() + i);
    for (auto &[other, index] : indices) other -= other > axis ? 1 : 0;
  }
  if (indices.empty()) return {base};

  // Tensors of indices pair up: one index into the axes taken together.
  std::vector<int> axes;
  for (const auto &[axis, index] : indices) axes.push_back(axis);
  axes_to_front(axes);
  TensorValue linear = indices.front().second;
  for (size_t i = 1; i < indices.size(); ++i) {
    TensorValue other = indices[i].second;
    if (!align(linear, span, other, span, span, "a subscript", context)) return {};
    const ir::NodeId extent = count_node(base.type.dims[i], builder.type(linear.node), context);
    linear.node = builder.add(builder.mul(linear.node, extent), other.node);
  }
  std::vector<Dim> rest(base.type.dims.begin() + indices.size(), base.type.dims.end());
  ir::Shape flat = ir_type({base.type.element, rest}).dims;
  ir::Extent rows;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (rows.batch && !extent_known(base.type.dims[i], "a second of several tensors of indices", span, context)) return {};
    rows = {rows.count * base.type.dims[i].value, rows.batch || base.type.dims[i].batch};
  }
  flat.insert(flat.begin(), rows);
  const ir::NodeId table = indices.size() > 1 ? builder.reshape(base.node, flat) : base.node;
  Type type{base.type.element, linear.type.dims};
  type.dims.insert(type.dims.end(), rest.begin(), rest.end());
  if (!size_ok(type.dims, span, context)) return {};
  return {make(builder.gather(table, linear.node, 0), type, context)};
}

} // namespace nnc::frontend
