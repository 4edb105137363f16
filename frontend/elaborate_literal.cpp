// A literal that is in range is an index, also in `concat([0], tokens)` and `where(hidden, 0, token)`.

#include "frontend/leaves.h"
#include "frontend/literal.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

bool is_literal(const Value &value) {
  bool numbers = value.is<NumberValue>() || value.is<ListValue>();
  for_each_leaf(value, [&](const Value &leaf) { numbers = numbers && leaf.is<NumberValue>(); });
  return numbers;
}

bool all_numbers(const Value &literal, const std::function<bool(int64_t)> &holds) {
  bool all = true;
  for_each_leaf(literal, [&](const Value &leaf) {
    const auto whole = leaf.get<NumberValue>()->number.integer();
    all = all && whole && holds(*whole);
  });
  return all;
}

std::optional<TensorValue> literal_beside(Elaborator &elaborator, const EvaluatedArgument &literal, const Element &element,
                                          const Context &context) {
  const bool integers = element.kind == ElementKind::index || element.kind == ElementKind::i32;
  const bool whole = integers && all_numbers(literal.value, [](int64_t) { return true; });
  auto tensor = elaborator.to_tensor(literal.value, literal.span, context, whole ? ElementKind::i32 : ElementKind::real);
  const bool fits = tensor && whole && element.kind == ElementKind::index && !element.variable &&
                    all_numbers(literal.value, [&](int64_t number) { return 0 <= number && number < element.limit.value; });
  if (fits) tensor->type.element = element;
  return tensor;
}

} // namespace

Element common_element(const Element &a, const Element &b) {
  if (a.kind != b.kind) {
    const Element &wider = a.kind > b.kind ? a : b;
    return wider.kind == ElementKind::index ? Element{ElementKind::i32, {}, {}} : Element{wider.kind, {}, {}};
  }
  if (a.kind != ElementKind::index) return {a.kind, {}, {}};
  if (a.variable || b.variable) return a.variable == b.variable ? a : Element{ElementKind::i32, {}, {}};
  if (a.limit.batch != b.limit.batch) return {ElementKind::i32, {}, {}};
  return a.limit.value >= b.limit.value ? a : b;
}

std::optional<std::vector<TensorValue>> tensors_together(Elaborator &elaborator, const std::vector<EvaluatedArgument> &values,
                                                         const Context &context) {
  std::vector<std::optional<TensorValue>> found(values.size());
  std::optional<Element> shared;
  for (size_t i = 0; i < values.size(); ++i) {
    if (is_literal(values[i].value)) continue;
    found[i] = elaborator.to_tensor(values[i].value, values[i].span, context, ElementKind::real);
    if (!found[i]) return std::nullopt;
    shared = shared ? common_element(*shared, found[i]->type.element) : found[i]->type.element;
  }
  std::vector<TensorValue> tensors;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!found[i]) found[i] = literal_beside(elaborator, values[i], shared.value_or(Element{}), context);
    if (!found[i]) return std::nullopt;
    tensors.push_back(*found[i]);
  }
  return tensors;
}

} // namespace nnc::frontend
