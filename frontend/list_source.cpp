#include "frontend/list_source.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;

/// Appends the numbers of `value`, lists within lists, and gives their shape; nothing where a list is ragged or holds other things.
std::optional<std::vector<int64_t>> flatten(const Value &value, std::vector<double> &numbers) {
  if (const auto *number = value.get<NumberValue>()) {
    numbers.push_back(number->number.value());
    return std::vector<int64_t>{};
  }
  if (const auto *truth = value.get<bool>()) {
    numbers.push_back(*truth ? 1 : 0);
    return std::vector<int64_t>{};
  }
  const auto *items = value.get<ListValue>();
  if (!items) return std::nullopt;
  std::optional<std::vector<int64_t>> inner;
  for (const Value &item : *items->items) {
    const auto shape = flatten(item, numbers);
    if (!shape || (inner && *inner != *shape)) return std::nullopt;
    inner = shape;
  }
  std::vector<int64_t> shape = inner.value_or(std::vector<int64_t>{});
  shape.insert(shape.begin(), static_cast<int64_t>(items->items->size()));
  return shape;
}

std::string shape_text(const std::vector<int64_t> &shape) {
  return shape.empty() ? "a number" : fmt::format("a list of shape [{}]", fmt::join(shape, ", "));
}

} // namespace

bool ListRows::are_integers() const {
  return std::all_of(values.begin(), values.end(), [](double value) {
    return value == std::floor(value) && std::abs(value) <= std::numeric_limits<int32_t>::max();
  });
}

std::optional<ListRows> list_rows(Elaborator &elaborator, const ListValue &list, const std::string &name, Span span,
                                  const Context &context) {
  ListRows rows;
  rows.count = static_cast<int64_t>(list.items->size());
  if (list.items->empty()) {
    elaborator.report(K::data_list_empty, span, context);
    return std::nullopt;
  }
  for (size_t i = 0; i < list.items->size(); ++i) {
    const Value &item = (*list.items)[i];
    const auto shape = flatten(item, rows.values);
    if (!shape) {
      elaborator.report(K::data_not_a_list, span, context, name, elaborator.describe(item));
      return std::nullopt;
    }
    if (i == 0) rows.row = *shape;
    if (*shape == rows.row) continue;
    elaborator.report(K::data_list_ragged, span, context, i, shape_text(*shape), shape_text(rows.row));
    return std::nullopt;
  }
  return rows;
}

SourceInfo list_source(ListRows rows, bool integers, ir::Elem real) {
  SourceInfo info;
  info.file.format = list_format;
  info.header.stored = integers ? ir::Elem::i32 : real;
  info.header.row = std::move(rows.row);
  info.header.rows = rows.count;
  info.values = std::move(rows.values);
  return info;
}

Span element_span(const Expr &expr, size_t number, size_t elements) {
  const auto *list = std::get_if<ListExpr>(&expr.form);
  if (!list || list->items.empty() || elements % list->items.size() != 0) return expr.span;
  const size_t each = elements / list->items.size();
  return element_span(*list->items[number / each], number % each, each);
}

} // namespace nnc::frontend
