#include "frontend/value.h"

#include "frontend/builtin.h"

#include <fmt/format.h>

namespace nnc::frontend {

bool agree(const Dim &a, const Dim &b) {
  const bool both = a.name && b.name && a.name->plain && b.name->plain;
  return a.value == b.value && a.batch == b.batch && (!both || a.name == b.name);
}

bool within(const Dim &limit, const Dim &axis) { return limit.batch == axis.batch && limit.value <= axis.value; }

Dim merge(const Dim &a, const Dim &b) {
  const bool first = a.name && (a.name->plain || !b.name || !b.name->plain);
  return {a.value, first ? a.name : b.name, a.batch};
}

std::string to_string(const Dim &dim) {
  if (dim.batch) return "batch";
  return dim.name ? dim.name->text : fmt::format("{}", dim.value);
}

std::string to_string(const Element &element) {
  switch (element.kind) {
  case ElementKind::boolean: return "bool";
  case ElementKind::i32: return "i32";
  case ElementKind::real: return "real";
  case ElementKind::index: break;
  }
  if (!element.variable) return fmt::format("index({})", to_string(element.limit));
  return element.variable->known ? fmt::format("index({})", to_string(element.variable->extent)) : "index(?)";
}

std::string to_string(const Type &type) {
  std::string text = to_string(type.element);
  for (size_t k = 0; k < type.dims.size(); ++k) text += (k == 0 ? "[" : ", ") + to_string(type.dims[k]);
  return type.dims.empty() ? text : text + "]";
}

Value value_of(const Dim &dim) {
  if (dim.batch) return {BatchValue{}};
  return {NumberValue{Number(dim.value), dim.name}};
}

bool counts_examples(const Value &value) {
  const auto *function = value.get<BuiltinValue>();
  return value.is<BatchValue>() || (function && std::string_view(function->builtin->name) == "batch");
}

std::optional<Dim> dim_of(const Value &value) {
  if (counts_examples(value)) return batch_dim;
  const auto *number = value.get<NumberValue>();
  const auto whole = number ? number->number.integer() : std::nullopt;
  return whole ? std::optional(Dim{*whole, number->name}) : std::nullopt;
}

Value tuple(std::vector<Value> items) { return {TupleValue{std::make_shared<const std::vector<Value>>(std::move(items))}}; }

Value list(std::vector<Value> items) { return {ListValue{std::make_shared<const std::vector<Value>>(std::move(items))}}; }

} // namespace nnc::frontend
