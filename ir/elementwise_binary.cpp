// Operations of two operands of one type, element by element.

#include "ir/family.h"

#include <cmath>

namespace nnc::ir {

namespace {

template <ElemSet allowed> Type one_type(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (*types[0] != *types[1])
    return fail(error, "needs operands of one type, got {} and {}", to_string(*types[0]), to_string(*types[1]));
  if (!(one(types[0]->elem) & allowed)) return fail(error, "needs {}, got {}", to_string(allowed), to_string(*types[0]));
  return *types[0];
}

template <ElemSet allowed> Type compared(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  return {Elem::boolean, one_type<allowed>(types, attributes, error).dims};
}

NodeId zero(const AdjointContext &c) { return c.builder.like(c.gradient, 0); }

std::vector<NodeId> add_adjoint(const AdjointContext &c) { return {c.gradient, c.gradient}; }

std::vector<NodeId> sub_adjoint(const AdjointContext &c) {
  return {c.gradient, c.wanted[1] ? c.builder.neg(c.gradient) : no_node};
}

/// By the other operand.
std::vector<NodeId> mul_adjoint(const AdjointContext &c) {
  return {c.wanted[0] ? c.builder.zmul(c.gradient, c.operand(1)) : no_node,
          c.wanted[1] ? c.builder.zmul(c.gradient, c.operand(0)) : no_node};
}

/// zmul(g, d) is 0 for every d where g is 0, so that d's gradient is 0 there too, whatever h: in where(x > 0, x·log x, 0), h is infinite at 0
/// in the second derivative, and h·0 would be none.
std::vector<NodeId> zmul_adjoint(const AdjointContext &c) {
  Builder &b = c.builder;
  std::vector<NodeId> gradients(2, no_node);
  if (c.wanted[0]) gradients[0] = b.zmul(c.gradient, c.operand(1));
  if (c.wanted[1]) {
    NodeId g = c.operand(0), nothing = b.like(g, 0);
    gradients[1] = b.zmul(b.select(b.binary(Op::equal, g, nothing), nothing, c.gradient), g);
  }
  return gradients;
}

/// Whether all elements are 1.
bool is_one(const Function &function, NodeId id) {
  while (function[id].op == Op::broadcast) id = function[id].operands[0];
  const auto *constant = std::get_if<ConstantAttributes>(&function[id].attributes);
  return constant && constant->values.size() == 1 && constant->values[0] == 1;
}

/// ∂(a/b) = ∂a·(1/b) - ∂b·(a/b)/b; of 1/b, -∂b·(1/b)²: no second division.
std::vector<NodeId> div_adjoint(const AdjointContext &c) {
  Builder &b = c.builder;
  NodeId divisor = c.operand(1);
  auto slope = [&] { return is_one(b.function(), c.operand(0)) ? b.mul(c.node, c.node) : b.div(c.node, divisor); };
  NodeId da = c.wanted[0] ? b.zmul(c.gradient, b.div(b.like(divisor, 1), divisor)) : no_node;
  NodeId db = c.wanted[1] ? b.neg(b.zmul(c.gradient, slope())) : no_node;
  return {da, db};
}

/// ∂(x^y) = ∂x·y·x^(y-1) + ∂y·x^y·log x; the first is 0 where y is 0, the second where x is 0 (log 1 there).
std::vector<NodeId> pow_adjoint(const AdjointContext &c) {
  Builder &b = c.builder;
  NodeId x = c.operand(0), y = c.operand(1), dx = no_node, dy = no_node;
  if (c.wanted[0]) dx = b.zmul(c.gradient, b.zmul(y, b.binary(Op::pow, x, b.sub(y, b.like(y, 1)))));
  if (c.wanted[1]) {
    NodeId base = b.select(b.binary(Op::equal, x, b.like(x, 0)), b.like(x, 1), x);
    dy = b.zmul(c.gradient, b.zmul(c.node, b.unary(Op::log, base)));
  }
  return {dx, dy};
}

/// The gradient goes to the second operand where `less(second.., first..)` holds strictly, else to the first.
std::vector<NodeId> to_winner(const AdjointContext &c, NodeId second_wins) {
  Builder &b = c.builder;
  return {c.wanted[0] ? b.select(second_wins, zero(c), c.gradient) : no_node,
          c.wanted[1] ? b.select(second_wins, c.gradient, zero(c)) : no_node};
}
/// a < b where a < max(a, b), NaN too; so the gradient of max(0, x) asks for the result, which what comes behind needs anyway, and x is not kept.
std::vector<NodeId> max_adjoint(const AdjointContext &c) {
  return to_winner(c, c.builder.binary(Op::less, c.operand(0), c.node));
}
std::vector<NodeId> min_adjoint(const AdjointContext &c) {
  return to_winner(c, c.builder.binary(Op::less, c.node, c.operand(0)));
}

constexpr NotDifferentiable comparison{"a comparison is constant wherever it is continuous"};
constexpr NotDifferentiable bits{"it works on bits"};

constexpr auto product_of = [](Elem elem, double a, double b) {
  return elem == Elem::i32 ? static_cast<int32_t>(static_cast<int64_t>(a) * static_cast<int64_t>(b)) : a * b;
};
constexpr uint32_t word(double x) { return static_cast<uint32_t>(static_cast<int64_t>(x)); }

template <int64_t below> std::vector<Sample> integer_samples() {
  return {sample({index({2, 3}), index({2, 3})}, NoAttributes{}, std::nullopt, below)};
}
std::vector<Sample> boolean_samples() {
  return {sample({tensor(Elem::boolean, {2, 3}), tensor(Elem::boolean, {2, 3})}, NoAttributes{}, std::nullopt, 2)};
}
std::vector<Sample> arithmetic_samples() {
  std::vector<Sample> samples = real_samples<2, -2, 2>();
  samples.push_back(integer_samples<1000>()[0]);
  return samples;
}

using Samples = std::vector<Sample> (*)();

template <auto f>
constexpr OpRecord binary(const char *name, const char *doc, ShapeRule shape, AdjointRule adjoint, bool commutative,
                          Samples samples) {
  return {
      .name = name,
      .doc = doc,
      .operands = 2,
      .blank = any<NoAttributes>,
      .shape = shape,
      .declared_type = false,
      .adjoint = adjoint,
      .batch = batch_elementwise,
      .evaluate = evaluate_binary<f>,
      .kernel = ScalarBody{},
      .commutative = commutative,
      .samples = samples,
  };
}

} // namespace

constinit const OpRecord records::add = binary<[](Elem, double a, double b) { return a + b; }>(
    "add", "a + b; i32 wraps", one_type<numbers>, add_adjoint, true, arithmetic_samples);

constinit const OpRecord records::sub = binary<[](Elem, double a, double b) { return a - b; }>(
    "sub", "a - b; i32 wraps", one_type<numbers>, sub_adjoint, false, arithmetic_samples);

constinit const OpRecord records::mul =
    binary<product_of>("mul", "a·b; i32 wraps", one_type<numbers>, mul_adjoint, true, arithmetic_samples);

constinit const OpRecord records::zmul = binary<[](Elem, double g, double d) { return g == 0 ? 0 : g * d; }>(
    "zmul", "0 where g is 0, else g·d", one_type<floats>, zmul_adjoint, false, real_samples<2, -2, 2>);

constinit const OpRecord records::div = binary<[](Elem, double a, double b) { return a / b; }>(
    "div", "a/b", one_type<floats>, div_adjoint, false, real_samples<2, 0.3, 2>);

constinit const OpRecord records::pow = binary<[](Elem, double x, double y) { return std::pow(x, y); }>(
    "pow", "x^y as in C; 0^0 = 1; ∂x is 0 where y is 0, ∂y is 0 where x is 0", one_type<floats>, pow_adjoint, false,
    real_samples<2, 0.3, 2>);

constinit const OpRecord records::min = binary<[](Elem, double a, double b) { return std::isnan(b) || b < a ? b : a; }>(
    "min", "the smaller, the first of equals (gradient, too); NaN where either is", one_type<numbers>, min_adjoint, false,
    arithmetic_samples);

constinit const OpRecord records::max = binary<[](Elem, double a, double b) { return std::isnan(b) || a < b ? b : a; }>(
    "max", "the greater, the first of equals (gradient, too); NaN where either is", one_type<numbers>, max_adjoint, false,
    arithmetic_samples);

constinit const OpRecord records::equal = binary<[](Elem, double a, double b) { return double(a == b); }>(
    "equal", "a = b; NaN equals nothing", compared<any_elem>, comparison, true, integer_samples<2>);

constinit const OpRecord records::not_equal = binary<[](Elem, double a, double b) { return double(a != b); }>(
    "not_equal", "a ≠ b; NaN differs from all", compared<any_elem>, comparison, true, integer_samples<2>);

constinit const OpRecord records::less = binary<[](Elem, double a, double b) { return double(a < b); }>(
    "less", "a < b; false for NaN", compared<numbers>, comparison, false, arithmetic_samples);

constinit const OpRecord records::less_equal = binary<[](Elem, double a, double b) { return double(a <= b); }>(
    "less_equal", "a ≤ b; false for NaN", compared<numbers>, comparison, false, integer_samples<3>);

constinit const OpRecord records::logical_and = binary<[](Elem, double a, double b) { return double(a != 0 && b != 0); }>(
    "logical_and", "both", one_type<one(Elem::boolean)>, bits, true, boolean_samples);

constinit const OpRecord records::logical_or = binary<[](Elem, double a, double b) { return double(a != 0 || b != 0); }>(
    "logical_or", "one or both", one_type<one(Elem::boolean)>, bits, true, boolean_samples);

constinit const OpRecord records::bit_and = binary<[](Elem, double a, double b) { return double(word(a) & word(b)); }>(
    "bit_and", "bitwise and", one_type<one(Elem::i32)>, bits, true, integer_samples<100000>);

constinit const OpRecord records::bit_xor = binary<[](Elem, double a, double b) { return double(word(a) ^ word(b)); }>(
    "bit_xor", "bitwise exclusive or", one_type<one(Elem::i32)>, bits, true, integer_samples<100000>);

constinit const OpRecord records::shift_right =
    binary<[](Elem, double a, double b) { return double(word(a) >> (word(b) & 31)); }>(
        "shift_right", "a shifted right by b mod 32 bits, zeros from the left", one_type<one(Elem::i32)>, bits, false,
        integer_samples<40>);

} // namespace nnc::ir
