// Reductions of a vector, derivatives, draws, sums across the mini-batch.

#include "frontend/builtin.h"

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using ir::Op;

/// The argument as a tensor that has a last axis.
std::optional<TensorValue> vector(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value || !value->type.dims.empty()) return value;
  call.report(K::operand_type, call.arguments[0].span, fmt::format("`{}`", call.builtin.name), "a vector",
              to_string(value->type));
  return std::nullopt;
}

/// The numbers of a list, where it is one of numbers.
std::optional<std::vector<Number>> numbers_of(const Value &value) {
  const auto *items = value.get<ListValue>();
  if (!items) return std::nullopt;
  std::vector<Number> numbers;
  for (const Value &item : *items->items) {
    const auto *number = item.get<NumberValue>();
    if (!number) return std::nullopt;
    numbers.push_back(number->number);
  }
  return numbers;
}

template <ReduceKind kind> Value reduction(const BuiltinCall &call) {
  const auto numbers = numbers_of(call.arguments[0].value);
  if (numbers && (!numbers->empty() || kind != ReduceKind::mean)) {
    Number total = kind == ReduceKind::prod ? 1 : 0;
    for (const Number &number : *numbers) total = kind == ReduceKind::prod ? total * number : total + number;
    return {NumberValue{kind == ReduceKind::mean ? total / Number(static_cast<int64_t>(numbers->size())) : total}};
  }
  const auto value = vector(call);
  return value ? call.reduce(kind, *value) : Value{};
}

template <ir::ReduceKind kind> Value argument_of(const BuiltinCall &call) {
  const auto value = vector(call);
  if (!value) return {};
  const size_t last = value->type.dims.size() - 1;
  const TensorValue x = call.widen(*value, value->type.element.kind == ElementKind::real ? ElementKind::real : ElementKind::i32);
  Type type{{ElementKind::index, value->type.dims[last], {}}, value->type.dims};
  type.dims.pop_back();
  return call.result(call.build().argreduce(kind, x.node, {static_cast<int64_t>(last)}), type);
}

/// Of each vector along the last axis the indices that sort it; `sort` is the vector at these.
Value order(const BuiltinCall &call) {
  const auto value = vector(call);
  if (!value) return {};
  const bool real = value->type.element.kind == ElementKind::real;
  const TensorValue keys = call.widen(*value, real ? ElementKind::real : ElementKind::i32);
  const ir::NodeId sorted = call.build().unary(Op::order, keys.node);
  if (std::string_view(call.builtin.name) == "order")
    return call.result(sorted, {{ElementKind::index, value->type.dims.back(), {}}, value->type.dims});
  const auto axes = static_cast<int64_t>(value->type.dims.size());
  return call.result(call.build().gather(value->node, sorted, axes - 1), value->type);
}

/// Called by its own name it never comes here: the walk elaborates its argument apart (elaborate_adjoint.cpp).
Value as_it_is(const BuiltinCall &call) { return call.arguments[0].value; }

Value grad(const BuiltinCall &call) { return call.gradient(); }
Value jacobian(const BuiltinCall &call) { return call.jacobian(); }

Value uniform(const BuiltinCall &call) {
  const auto dims = call.shape(0);
  return dims ? call.draw(false, *dims) : Value{};
}

Value normal(const BuiltinCall &call) {
  const auto dims = call.shape(0);
  return dims ? call.draw(true, *dims) : Value{};
}

Value bernoulli(const BuiltinCall &call) {
  auto probability = call.real(0);
  const auto dims = call.shape(1);
  if (!probability || !dims) return {};
  const Value drawn = call.draw(false, *dims);
  if (drawn.poison()) return {};
  TensorValue u = *drawn.get<TensorValue>();
  if (probability->type.dims.size() > u.type.dims.size()) {
    call.report(K::operand_type, call.arguments[0].span, "`bernoulli`", "a probability for each element",
                to_string(probability->type));
    return {};
  }
  if (!call.align(u, 0, *probability, 0)) return {};
  return call.result(call.build().binary(Op::less, u.node, probability->node), {{ElementKind::boolean, {}, {}}, u.type.dims});
}

Value batch_sum(const BuiltinCall &call) {
  const auto value = call.real(0);
  if (!value) return {};
  ir::Builder &build = call.build();
  ir::NodeId sum = build.unary(call.context.of_pass ? Op::pass_sum : Op::batch_sum, value->node);
  if (std::string_view(call.builtin.name) == "batch_mean") sum = build.div(sum, call.count(batch_dim, build.type(sum)));
  return call.result(sum, value->type);
}

/// The tensor of all examples' e.
Value batch(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  if (!value) return {};
  Type type = value->type;
  type.dims.insert(type.dims.begin(), batch_dim);
  return call.size_ok(type.dims) ? call.result(call.build().unary(Op::batch_all, value->node), type) : Value{};
}

constexpr Builtin reductions[] = {
    {"sum", "x", 1, 1, reduction<ReduceKind::sum>, "the sum of a vector"},
    {"mean", "x", 1, 1, reduction<ReduceKind::mean>, "the mean of a vector"},
    {"prod", "x", 1, 1, reduction<ReduceKind::prod>, "the product of a vector"},
    {"argmax", "x", 1, 1, argument_of<ir::ReduceKind::max>, "where a vector is largest, an index(n); the first of equals"},
    {"argmin", "x", 1, 1, argument_of<ir::ReduceKind::min>, "where a vector is least, an index(n); the first of equals"},
    {"order", "x", 1, 1, order, "the indices that sort a vector: an index(n)[n]; ascending, NaN last, equals in their order"},
    {"sort", "x", 1, 1, order, "a vector in ascending order, x[order(x)]"},
};

constexpr Builtin others[] = {
    {"checkpoint", "e", 1, 1, as_it_is, "e, computed again in the backward pass instead of kept"},
    {"grad", "e, x", 2, 2, grad, "the derivative of the number e with respect to x"},
    {"jacobian", "v, x", 2, 2, jacobian, "the derivatives of the vector v with respect to x: [n, shape of x]"},
    {"uniform", "shape…", 0, -1, uniform, "draws in [0, 1)"},
    {"normal", "shape…", 0, -1, normal, "draws of the standard normal distribution"},
    {"bernoulli", "p, shape…", 1, -1, bernoulli, "bool draws that hold with probability p"},
    {"batch", "e", 1, 1, batch,
     "the tensor of all examples' e, its first dimension `batch`; `here` is this example's number in it"},
    {"batch_sum", "e", 1, 1, batch_sum, "the sum over the mini-batch"},
    {"batch_mean", "e", 1, 1, batch_sum, "the mean over the mini-batch"},
};

} // namespace

std::span<const Builtin> reduction_builtins() { return reductions; }
std::span<const Builtin> other_builtins() { return others; }

} // namespace nnc::frontend
