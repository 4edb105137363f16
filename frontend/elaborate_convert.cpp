// From values to tensors of a wanted type: literals, widening (bool, index, i32, real), broadcasting.

#include "frontend/elaborator.h"
#include "frontend/leaves.h"
#include "frontend/limits.h"
#include "frontend/literal.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// The numbers of a rectangular list, row-major, with its dimensions; false where something else is in it.
bool literal_numbers(const Value &value, size_t depth, std::vector<Dim> &dims, std::vector<Number> &numbers, bool &ragged) {
  if (const auto *number = value.get<NumberValue>()) {
    ragged = ragged || depth != dims.size();
    numbers.push_back(number->number);
    return true;
  }
  const auto *items = value.get<ListValue>();
  if (!items || depth >= max_rank) return false;
  const auto extent = static_cast<int64_t>(items->items->size());
  if (depth == dims.size() && numbers.empty())
    dims.push_back({extent, nullptr});
  else if (depth >= dims.size() || dims[depth].value != extent)
    ragged = true;
  for (const Value &item : *items->items)
    if (!literal_numbers(item, depth + 1, dims, numbers, ragged)) return false;
  return true;
}

const Dim &limit_of(const Element &element) { return element.variable ? element.variable->extent : element.limit; }

} // namespace

ir::Elem Elaborator::ir_elem(const Element &element) const {
  switch (element.kind) {
  case ElementKind::boolean: return ir::Elem::boolean;
  case ElementKind::index:
  case ElementKind::i32: return ir::Elem::i32;
  case ElementKind::real: break;
  }
  return options_.real;
}

ir::Type Elaborator::ir_type(const Type &type) const {
  ir::Type result{ir_elem(type.element), {}};
  for (const Dim &dim : type.dims) result.dims.push_back(extent_of(dim));
  return result;
}

TensorValue Elaborator::make(ir::NodeId node, Type type, const Context &context) {
  return {context.frame, node, std::move(type)};
}

TensorValue Elaborator::here(TensorValue value, const Context &context) {
  value.node = context.frame->use(value);
  value.frame = context.frame;
  return value;
}

TensorValue Elaborator::copy(const TensorValue &value, const Context &context) {
  return make(context.frame->builder().unary(ir::Op::copy, context.frame->use(value)), value.type, context);
}

Value Elaborator::copy_leaves(const Value &value, const Context &context) {
  if (value.is<ListValue>()) return value;
  return map_tensors(value, [&](const TensorValue &tensor) { return copy(tensor, context); });
}

TensorValue Elaborator::constant(const Number &number, ElementKind kind, const Context &context) {
  if (kind != ElementKind::real && !number.integer()) kind = ElementKind::real;
  if (kind == ElementKind::index || kind == ElementKind::boolean) kind = ElementKind::i32;
  const Type type{{kind, {}, {}}, {}};
  return make(context.frame->builder().constant(ir_type(type), number.value()), type, context);
}

TensorValue Elaborator::widen(const TensorValue &value, ElementKind kind, const Context &context) {
  Type type = value.type;
  if (type.element.kind == kind) return here(value, context);
  type.element = {kind, {}, {}};
  const ir::NodeId node = context.frame->use(value);
  if (value.type.element.kind == ElementKind::index) context.frame->note_index(node, value.type.element);
  return make(context.frame->builder().convert(node, ir_elem(type.element)), type, context);
}

ir::NodeId Elaborator::count_node(const Dim &dim, const ir::Type &of, const Context &context) {
  const ir::Type type = of; // it may be that of a node, and nodes move when more are made
  ir::Builder &builder = context.frame->builder();
  if (!dim.batch) return builder.constant(type, static_cast<double>(dim.value));
  ir::NodeId count = context.frame->leaf(ir::InputKind::examples, 0, "examples", {ir::Elem::i32, {}});
  count = builder.convert(count, type.elem);
  if (dim.value != 1) count = builder.mul(count, builder.like(count, static_cast<double>(dim.value)));
  return builder.broadcast_leading(count, type.dims);
}

bool Elaborator::extent_known(const Dim &dim, const std::string &what, Span span, const Context &context) {
  if (dim.batch) report(K::extent_of_batch, span, context, what);
  return !dim.batch;
}

Value Elaborator::stack_values(const std::vector<Value> &items, Span span, const Context &context) {
  std::vector<EvaluatedArgument> values;
  for (const Value &item : items) values.push_back({"", item, span});
  const auto together = tensors_together(*this, values, context);
  if (!together) return {};
  const std::vector<TensorValue> &parts = *together;
  ElementKind widest = ElementKind::boolean;
  for (const TensorValue &part : parts) widest = std::max(widest, part.type.element.kind);
  Type type = parts.front().type;
  std::vector<ir::NodeId> rows;
  for (const TensorValue &part : parts) {
    bool same = part.type.dims.size() == type.dims.size();
    for (size_t k = 0; same && k < type.dims.size(); ++k) same = agree(part.type.dims[k], type.dims[k]);
    if (!same) {
      report(K::shapes_differ, span, context, "stacking", to_string(type), to_string(part.type))
          .note("what is stacked must have one shape");
      return {};
    }
    ir::Shape row = ir_type(part.type).dims;
    row.insert(row.begin(), {1, false});
    rows.push_back(context.frame->builder().reshape(widen(part, widest, context).node, row));
    if (widest == ElementKind::index && !within(limit_of(part.type.element), limit_of(type.element)))
      type.element = part.type.element;
  }
  if (widest != ElementKind::index) type.element = {widest, {}, {}};
  type.dims.insert(type.dims.begin(), {static_cast<int64_t>(parts.size()), nullptr});
  if (!size_ok(type.dims, span, context)) return {};
  return {make(rows.size() == 1 ? rows.front() : context.frame->builder().concatenate(rows, 0), type, context)};
}

std::optional<TensorValue> Elaborator::list_tensor(const ListValue &items, Span span, const Context &context,
                                                   ElementKind literal) {
  std::vector<Dim> dims;
  std::vector<Number> numbers;
  bool ragged = false;
  const Value value{items};
  if (!literal_numbers(value, 0, dims, numbers, ragged)) {
    const Value stacked = stack_values(*items.items, span, context);
    const auto *tensor = stacked.get<TensorValue>();
    return tensor ? std::optional(*tensor) : std::nullopt;
  }
  if (ragged || numbers.empty()) {
    report(K::ragged_list, span, context)
        .note("a list of numbers is a tensor where all its rows have the same length, and one element at least");
    return std::nullopt;
  }
  const bool whole =
      std::all_of(numbers.begin(), numbers.end(), [](const Number &number) { return number.integer().has_value(); });
  const bool integers = whole && literal != ElementKind::real && literal != ElementKind::boolean;
  const Type type{{integers ? ElementKind::i32 : ElementKind::real, {}, {}}, dims};
  if (!size_ok(dims, span, context)) return std::nullopt;
  std::vector<double> values;
  for (const Number &number : numbers) values.push_back(number.value());
  return make(context.frame->builder().constant(ir_type(type), std::move(values)), type, context);
}

std::optional<TensorValue> Elaborator::to_tensor(const Value &value, Span span, const Context &context, ElementKind literal) {
  if (value.poison()) return std::nullopt;
  if (const auto *tensor = value.get<TensorValue>()) return here(*tensor, context);
  if (const auto *number = value.get<NumberValue>()) return constant(number->number, literal, context);
  if (const auto *condition = value.get<bool>()) {
    const Type type{{ElementKind::boolean, {}, {}}, {}};
    return make(context.frame->builder().constant(ir_type(type), *condition ? 1 : 0), type, context);
  }
  if (counts_examples(value)) {
    const Type type{{ElementKind::i32, {}, {}}, {}};
    return make(count_node(batch_dim, ir_type(type), context), type, context);
  }
  if (const auto *items = value.get<ListValue>()) return list_tensor(*items, span, context, literal);
  if (const auto *slot = value.get<SlotValue>()) return read_slot(slot->slot, context);
  if (const auto *source = value.get<SourceValue>()) return read_source(*source, span, context);
  Diagnostic &diagnostic = report(K::not_a_tensor, span, context, describe(value));
  if (value.is<TupleValue>()) diagnostic.note("`a, b = …` takes a tuple apart");
  return std::nullopt;
}

std::optional<TensorValue> Elaborator::as_tensor(const Value &value, Span span, const Context &context) {
  return to_tensor(value, span, context, ElementKind::real);
}

bool Elaborator::element_fits(const TensorValue &value, const Element &wanted) const {
  const Element &have = value.type.element;
  if (have.kind == ElementKind::index && wanted.kind == ElementKind::index)
    return (!have.variable || have.variable->known) && within(limit_of(have), limit_of(wanted));
  if (have.kind == ElementKind::boolean && wanted.kind == ElementKind::index) return limit_of(wanted).value >= 2;
  return have.kind <= wanted.kind;
}

std::optional<TensorValue> Elaborator::convert_to(const Value &value, const Type &type, const std::string &what, Span span,
                                                  const Context &context) {
  if (value.poison()) return std::nullopt;
  if (type.element.kind == ElementKind::index) {
    std::vector<Dim> dims;
    std::vector<Number> numbers;
    bool ragged = false;
    const int64_t limit = limit_of(type.element).value;
    if (literal_numbers(value, 0, dims, numbers, ragged))
      for (const Number &number : numbers)
        if (!number.integer() || *number.integer() < 0 || *number.integer() >= limit) {
          report(K::literal_not_index, span, context, number.text(), to_string(type.element), limit - 1);
          return std::nullopt;
        }
  }
  const bool literal = value.is<NumberValue>() || value.is<ListValue>();
  const auto tensor = to_tensor(value, span, context, type.element.kind);
  if (!tensor) return std::nullopt;
  bool fits = tensor->type.dims.size() == type.dims.size();
  for (size_t k = 0; fits && k < type.dims.size(); ++k) fits = agree(tensor->type.dims[k], type.dims[k]);
  const bool literal_index = literal && tensor->type.element.kind == ElementKind::i32 && type.element.kind == ElementKind::index;
  if (!fits || !(element_fits(*tensor, type.element) || literal_index)) {
    report(K::type_mismatch, span, context, what, to_string(type), to_string(tensor->type));
    return std::nullopt;
  }
  TensorValue result = widen(*tensor, type.element.kind, context);
  for (size_t k = 0; k < type.dims.size(); ++k) result.type.dims[k] = merge(type.dims[k], tensor->type.dims[k]);
  result.type.element = type.element;
  return result;
}

std::optional<Number> Elaborator::as_number(const Value &value, const std::string &what, Span span, const Context &context) {
  if (const auto *number = value.get<NumberValue>()) return number->number;
  if (!value.poison()) report(K::not_compile_time, span, context, what, describe(value));
  return std::nullopt;
}

std::optional<int64_t> Elaborator::as_integer(const Value &value, const std::string &what, Span span, const Context &context) {
  const auto number = as_number(value, what, span, context);
  if (number && !number->integer()) report(K::not_whole, span, context, what, number->text()).note("`floor` makes it whole");
  return number ? number->integer() : std::nullopt;
}

std::optional<TensorValue> Elaborator::as_real_scalar(const Value &value, const std::string &what, Span span,
                                                      const Context &context) {
  return convert_to(value, Type{}, what, span, context);
}

std::optional<TensorValue> Elaborator::broadcast_to(const TensorValue &value, const std::vector<Dim> &dims,
                                                    const Context &context) {
  const size_t missing = dims.size() - std::min(dims.size(), value.type.dims.size());
  if (missing == 0) return here(value, context);
  Type type{value.type.element, dims};
  ir::Shape leading = ir_type(type).dims;
  leading.resize(missing);
  return make(context.frame->builder().broadcast_leading(context.frame->use(value), leading), type, context);
}

bool Elaborator::align(TensorValue &a, Span a_span, TensorValue &b, Span b_span, Span op, const std::string &what,
                       const Context &context) {
  TensorValue &longer = a.type.dims.size() >= b.type.dims.size() ? a : b;
  TensorValue &shorter = &longer == &a ? b : a;
  const size_t missing = longer.type.dims.size() - shorter.type.dims.size();
  std::vector<Dim> dims = longer.type.dims;
  for (size_t k = 0; k < shorter.type.dims.size(); ++k) {
    const Dim &mine = dims[missing + k], &other = shorter.type.dims[k];
    if (agree(mine, other)) {
      dims[missing + k] = merge(mine, other);
      continue;
    }
    Diagnostic &diagnostic = report(K::shapes_differ, op, context, what, to_string(a.type), to_string(b.type));
    label_type(diagnostic, a_span, a.type);
    label_type(diagnostic, b_span, b.type);
    if (mine.batch || other.batch)
      diagnostic.note("`batch`, the number of examples, is a dimension of its own and agrees with itself only");
    else if (mine.value == other.value)
      diagnostic.note(fmt::format("`{}` and `{}` are different dimensions, though both are {} here", to_string(mine),
                                  to_string(other), mine.value));
    else if (mine.value == 1 || other.value == 1)
      diagnostic.note("a 1 never stretches; take the number out with `x[0]` or `x[:, 0]`");
    else
      diagnostic.note(
          fmt::format("{} is not {}; shapes must be equal, or one lack leading axes", to_string(mine), to_string(other)));
    return false;
  }
  a = *broadcast_to(a, dims, context);
  b = *broadcast_to(b, dims, context);
  a.type.dims = b.type.dims = dims;
  return true;
}

void Elaborator::label_type(Diagnostic &diagnostic, Span span, const Type &type) const {
  // In the prelude the message stands at the user's call, where these spans are not.
  if (!sources_.file(span.file).prelude() && span != diagnostic.span) diagnostic.label(span, to_string(type));
}

} // namespace nnc::frontend
