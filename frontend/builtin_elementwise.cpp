// Builtins of each element: on a number they are computed when compiling, on a tensor they are an operation.

#include "frontend/builtin.h"
#include "frontend/literal.h"

#include <algorithm>
#include <cmath>

namespace nnc::frontend {
namespace {

using K = DiagnosticKind;
using ir::Op;

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double rsqrt_of(double x) { return 1 / std::sqrt(x); }

/// The operation of a builtin, its value for a number, and whether integers stay integers.
struct Elementwise {
  const char *name;
  Op op;
  double (*number)(double);
  bool integers;
};
constexpr Elementwise functions[] = {
    {"exp", Op::exp, std::exp, false},     {"log", Op::log, std::log, false},          {"sqrt", Op::sqrt, std::sqrt, false},
    {"rsqrt", Op::rsqrt, rsqrt_of, false}, {"sin", Op::sin, std::sin, false},          {"cos", Op::cos, std::cos, false},
    {"tan", Op::tan, std::tan, false},     {"tanh", Op::tanh, std::tanh, false},       {"erf", Op::erf, std::erf, false},
    {"abs", Op::abs, std::fabs, true},     {"sign", Op::sign, sign_of, true},          {"floor", Op::floor, std::floor, true},
    {"ceil", Op::ceil, std::ceil, true},   {"round", Op::round, std::nearbyint, true},
};

Value elementwise(const BuiltinCall &call) {
  const std::string_view name = call.builtin.name;
  const Elementwise &function =
      *std::find_if(std::begin(functions), std::end(functions), [&](const Elementwise &f) { return name == f.name; });
  if (const auto *number = call.arguments[0].value.get<NumberValue>()) {
    if (function.op == Op::floor) return {NumberValue{floor(number->number)}};
    if (function.op == Op::ceil) return {NumberValue{ceil(number->number)}};
    if (function.op == Op::abs) return {NumberValue{number->number < 0 ? -number->number : number->number}};
    return {NumberValue{Number::real(function.number(number->number.value()))}};
  }
  const auto value = call.tensor(0);
  if (!value) return {};
  const bool integers = function.integers && value->type.element.kind != ElementKind::real;
  const TensorValue x = call.widen(*value, integers ? ElementKind::i32 : ElementKind::real);
  const bool rounds = function.op == Op::floor || function.op == Op::ceil || function.op == Op::round;
  return integers && rounds ? Value{x} : call.result(call.build().unary(function.op, x.node), x.type);
}

/// min and max: of two values elementwise, of one along its last axis.
Value extremum(const BuiltinCall &call) {
  const bool is_max = std::string_view(call.builtin.name) == "max";
  const Value &first = call.arguments[0].value;
  if (call.arguments.size() == 1) {
    const auto value = call.tensor(0);
    if (value && value->type.dims.empty()) {
      call.report(K::operand_type, call.arguments[0].span, fmt::format("`{}` of one argument", call.builtin.name), "a vector",
                  to_string(value->type));
      return {};
    }
    return value ? call.reduce(is_max ? ReduceKind::max : ReduceKind::min, *value) : Value{};
  }
  const Value &second = call.arguments[1].value;
  const auto *a = first.get<NumberValue>(), *b = second.get<NumberValue>();
  if (a && b) return (a->number < b->number) == is_max ? second : first;
  auto literal = [](const Value &other) {
    return other.is<TensorValue>() ? other.get<TensorValue>()->type.element.kind : ElementKind::real;
  };
  auto x = call.tensor(0, literal(second)), y = call.tensor(1, literal(first));
  if (!x || !y || !call.align(*x, 0, *y, 1)) return {};
  const bool real = std::max(x->type.element.kind, y->type.element.kind) == ElementKind::real;
  const ElementKind kind = real ? ElementKind::real : ElementKind::i32;
  const TensorValue left = call.widen(*x, kind), right = call.widen(*y, kind);
  return call.result(call.build().binary(is_max ? Op::max : Op::min, left.node, right.node), left.type);
}

Value where(const BuiltinCall &call) {
  auto condition = call.tensor(0);
  const auto branches = tensors_together(call.elaborator, {call.arguments[1], call.arguments[2]}, call.context);
  if (!condition || !branches) return {};
  TensorValue a = branches->front(), b = branches->back();
  if (condition->type.element.kind != ElementKind::boolean) {
    call.report(K::operand_type, call.arguments[0].span, "`where`", "a condition", to_string(condition->type));
    return {};
  }
  if (!call.align(a, 1, b, 2) || !call.align(*condition, 0, a, 1) || !call.align(a, 1, b, 2)) return {};
  Type type{common_element(a.type.element, b.type.element), a.type.dims};
  const TensorValue x = call.widen(a, type.element.kind), y = call.widen(b, type.element.kind);
  return call.result(call.build().select(condition->node, x.node, y.node), type);
}

Value stop_gradient(const BuiltinCall &call) {
  if (const auto *instance = call.arguments[0].value.get<InstanceValue>()) {
    auto values = std::make_shared<std::map<int, TensorValue>>();
    for (const auto &[slot, parameter] : call.parameters(*instance))
      values->emplace(slot, TensorValue{parameter.frame, call.build().unary(Op::stop_gradient, parameter.node), parameter.type});
    return {InstanceValue{instance->instance, values}};
  }
  const auto value = call.tensor(0);
  return value ? call.result(call.build().unary(Op::stop_gradient, value->node), value->type) : Value{};
}

/// Rounds down and clamps to 0..n-1.
Value to_index(const BuiltinCall &call) {
  const auto value = call.tensor(0);
  const auto limit = call.dimension(1);
  if (!value || !limit) return {};
  ir::Builder &build = call.build();
  ir::NodeId node = value->node;
  const bool real = value->type.element.kind == ElementKind::real;
  if (real) node = build.unary(Op::floor, node);
  if (!real) node = call.widen(*value, ElementKind::i32).node;
  const ir::Type type = build.type(node);
  const ir::NodeId last = build.sub(call.count(*limit, type), build.constant(type, 1));
  // Clamped before it is converted; what is not a number becomes 0, since max gives the larger of the numbers.
  if (real)
    node = build.select(build.unary(Op::is_finite, node), node,
                        build.select(build.binary(Op::less, build.like(node, 0), node), last, build.like(node, 0)));
  node = build.binary(Op::min, build.binary(Op::max, node, build.like(node, 0)), last);
  return call.result(build.convert(node, ir::Elem::i32), {{ElementKind::index, *limit, {}}, value->type.dims});
}

#define NNC_UNARY(name, doc) {name, "x", 1, 1, elementwise, doc}
constexpr Builtin table[] = {
    NNC_UNARY("exp", "e^x"),
    NNC_UNARY("log", "the natural logarithm of x, with derivative 1 / x"),
    NNC_UNARY("sqrt", "the square root √x, with derivative 1 / (2·√x), infinite at 0"),
    NNC_UNARY("rsqrt", "1 / sqrt(x)"),
    NNC_UNARY("sin", "the sine of x in radians"),
    NNC_UNARY("cos", "the cosine of x in radians"),
    NNC_UNARY("tan", "the tangent of x in radians"),
    NNC_UNARY("tanh", "the hyperbolic tangent (e^x - e^-x) / (e^x + e^-x)"),
    NNC_UNARY("erf", "the error function: 2/√π times the integral of e^(-t²) from 0 to x"),
    NNC_UNARY("abs", "|x|, with derivative 0 at 0"),
    NNC_UNARY("sign", "-1, 0 or 1 as x is negative, 0 or positive; its derivative is 0"),
    NNC_UNARY("floor", "the largest whole number that is not above x; its derivative is 0"),
    NNC_UNARY("ceil", "the smallest whole number that is not below x; its derivative is 0"),
    NNC_UNARY("round", "the nearest whole number, ties to even; its derivative is 0"),
    {"min", "a, b", 1, 2, extremum, "the smaller of two; of a vector its least. Of equals the first has the derivative"},
    {"max", "a, b", 1, 2, extremum, "the larger of two; of a vector its largest. Of equals the first has the derivative"},
    {"where", "c, a, b", 3, 3, where,
     "a where c holds, else b; the one not taken has derivative 0, even where its own is not finite"},
    {"stop_gradient", "e", 1, 1, stop_gradient, "e, a tensor or an instance, with derivative zero"},
    {"to_index", "e, n", 2, 2, to_index, "e rounded down and clamped to 0..n-1, an index(n)"},
};
#undef NNC_UNARY

} // namespace

std::span<const Builtin> elementwise_builtins() { return table; }

} // namespace nnc::frontend
