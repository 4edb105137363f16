// Index notation: `z[i, j] = e` and `sum[k] e` are e for one i, j or k, lifted over the numbers 0, 1, ….

#include "frontend/elaborator.h"

namespace nnc::frontend {

using K = DiagnosticKind;

std::optional<Elaborator::IndexRange> Elaborator::index_range(const IndexBinder &binder, const Context &context) {
  IndexRange range;
  range.variable = std::make_shared<IndexVariable>();
  range.variable->name = binder.name.name;
  range.variable->span = binder.name.span;
  if (!binder.range) return range;
  const Value low = evaluate(*binder.range->low, context), high = evaluate(*binder.range->high, context);
  const auto from = as_integer(low, "an index's first value", binder.range->low->span, context);
  if (from && counts_examples(high)) return range_of_examples(std::move(range), *from, binder, context);
  const auto to = as_integer(high, "an index's range", binder.range->high->span, context);
  if (!from || !to) return std::nullopt;
  if (*from < 0 || *to <= *from) {
    report(K::empty_range, binder.name.span, context, binder.name.name, *from, *to);
    return std::nullopt;
  }
  range.low = range.variable->low = *from;
  range.variable->known = range.variable->given = true;
  range.variable->extent = {*to, high.get<NumberValue>()->name};
  range.variable->known_by = join(binder.range->low->span, binder.range->high->span);
  return range;
}

std::optional<Elaborator::IndexRange> Elaborator::range_of_examples(IndexRange range, int64_t from, const IndexBinder &binder,
                                                                    const Context &context) {
  if (from != 0) {
    report(K::index_not_from_zero, binder.range->low->span, context, binder.name.name, from);
    return std::nullopt;
  }
  range.variable->known = range.variable->given = true;
  range.variable->extent = batch_dim;
  range.variable->known_by = join(binder.range->low->span, binder.range->high->span);
  return range;
}

std::optional<TensorValue> Elaborator::over_indices(const std::vector<IndexBinder> &binders, const Expr &body, bool from_zero,
                                                    const Context &context) {
  Frame inner(*context.frame);
  Scope scope(*context.scope, true);
  std::vector<IndexRange> ranges;
  bool ok = true;
  for (const IndexBinder &binder : binders) {
    std::optional<IndexRange> range = index_range(binder, context);
    ok = ok && range.has_value();
    if (!range) continue;
    if (from_zero && range->low != 0) {
      report(K::index_not_from_zero, binder.range->low->span, context, binder.name.name, range->low);
      ok = false;
    }
    Type type{{ElementKind::index, {}, range->variable}, {}};
    const ir::NodeId node = inner.add_argument(binder.name.name, ir_type(type));
    scope.locals[binder.name.name] = {{TensorValue{&inner, node, type}}, binder.name.span};
    ranges.push_back(*range);
  }
  if (!ok) return std::nullopt;

  Context inside = context;
  inside.frame = &inner;
  inside.scope = &scope;
  inside.instance_path = nullptr;
  const Value element = evaluate(body, inside);
  const auto tensor = as_tensor(element, body.span, inside);
  ok = settle_ranges(ranges, tensor.has_value(), context);
  if (!ok || !tensor) {
    abandon(inner);
    return std::nullopt;
  }

  std::vector<Dim> axes;
  std::vector<LiftArgument> arguments;
  ir::Builder &builder = context.frame->builder();
  for (const IndexRange &range : ranges) {
    const Dim &end = range.variable->extent;
    axes.push_back(range.low == 0 ? end : Dim{end.value - range.low, nullptr});
    if (!size_ok({axes.back()}, range.variable->span, context)) return std::nullopt;
    ir::NodeId numbers = builder.iota({extent_of(axes.back())}, 0);
    if (range.low != 0) numbers = builder.add(numbers, builder.like(numbers, static_cast<double>(range.low)));
    LiftArgument argument{numbers, std::vector<bool>(ranges.size(), false)};
    argument.has_axis[arguments.size()] = true;
    arguments.push_back(std::move(argument));
  }
  const Value result = close_lifted(inner, {*tensor}, axes, arguments, body.span, context);
  const auto *lifted = result.get<TensorValue>();
  return lifted ? std::optional(*lifted) : std::nullopt;
}

void Elaborator::define(const DefineStmt &statement, Span span, const Context &context) {
  const auto tensor = over_indices(statement.indices, *statement.value, true, context);
  place(span, context);
  bind(statement.name, tensor ? Value{*tensor} : Value{}, context);
}

Value Elaborator::reduce_indices(const ReduceExpr &form, Span span, const Context &context) {
  const auto terms = over_indices(form.indices, *form.body, false, context);
  if (!terms) return {};
  place(span, context);
  return reduce_axes(form.kind, *terms, 0, form.indices.size(), context);
}

Value Elaborator::reduce_axes(ReduceKind kind, TensorValue tensor, size_t first, size_t count, const Context &context) {
  ir::Builder &builder = context.frame->builder();
  const bool order = kind == ReduceKind::max || kind == ReduceKind::min;
  const ElementKind have = tensor.type.element.kind;
  const Element element = tensor.type.element;
  if (kind == ReduceKind::mean)
    tensor = widen(tensor, ElementKind::real, context);
  else if (have != ElementKind::real)
    tensor = widen(tensor, ElementKind::i32, context);
  static constexpr ir::ReduceKind kinds[] = {ir::ReduceKind::add, ir::ReduceKind::add, ir::ReduceKind::max, ir::ReduceKind::min,
                                             ir::ReduceKind::mul};
  std::vector<int64_t> axes;
  for (size_t k = first; k < first + count; ++k) {
    axes.push_back(static_cast<int64_t>(k));
  }
  ir::NodeId node = builder.reduce(kinds[static_cast<size_t>(kind)], context.frame->use(tensor), axes);
  if (kind == ReduceKind::mean) {
    double elements = 1;
    for (size_t k = first; k < first + count; ++k)
      if (tensor.type.dims[k].batch)
        node = builder.div(node, count_node(tensor.type.dims[k], builder.type(node), context));
      else
        elements *= static_cast<double>(tensor.type.dims[k].value);
    if (elements != 1) node = builder.div(node, builder.like(node, elements));
  }
  Type type = tensor.type;
  type.dims.erase(type.dims.begin() + first, type.dims.begin() + first + count);
  if (order && have == ElementKind::index) type.element = element; // the largest of some indices is one of them
  return {make(node, type, context)};
}

} // namespace nnc::frontend
