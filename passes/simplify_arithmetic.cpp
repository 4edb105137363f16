#include "passes/simplify.h"

#include <cmath>

namespace nnc::passes {

using namespace ir;

namespace {

NodeId operand(Builder &b, NodeId id, size_t i) { return b.function()[id].operands[i]; }
bool is(Builder &b, NodeId id, Op op) { return b.function()[id].op == op; }

bool is_splat(Builder &b, NodeId id, double wanted) {
  auto value = splat(b.function(), id);
  return value && *value == wanted && std::signbit(*value) == std::signbit(wanted);
}

NodeId first_operand(Builder &b, NodeId id) { return operand(b, id, 0); }

NodeId double_inverse(Builder &b, NodeId id) { // -(-x), not not x
  NodeId inner = operand(b, id, 0);
  return is(b, inner, b.function()[id].op) ? operand(b, inner, 0) : no_node;
}

/// Whether every value of `from` is one of `to`, too.
bool exact(Elem from, Elem to) {
  if (from == Elem::boolean || from == to) return true;
  if (from == Elem::u8) return to != Elem::boolean;
  return to == Elem::f64;
}

NodeId convert_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id, 0);
  if (b.type(inner).elem == b.type(id).elem) return inner;
  if (!is(b, inner, Op::convert)) return no_node;
  NodeId x = operand(b, inner, 0);
  return exact(b.type(x).elem, b.type(inner).elem) ? b.convert(x, b.type(id).elem) : no_node;
}

NodeId add_negative(Builder &b, NodeId id) { // a + -b, -a + b; i32: x + 0
  NodeId x = operand(b, id, 0), y = operand(b, id, 1);
  if (is(b, y, Op::neg)) return b.sub(x, operand(b, y, 0));
  if (is(b, x, Op::neg)) return b.sub(y, operand(b, x, 0));
  double zero = is_float(b.type(id).elem) ? -0.0 : 0.0; // 0.0 + -0.0 is 0.0
  if (is_splat(b, y, zero)) return x;
  return is_splat(b, x, zero) ? y : no_node;
}

NodeId sub_negative(Builder &b, NodeId id) { // a - -b, x - 0
  NodeId x = operand(b, id, 0), y = operand(b, id, 1);
  if (is(b, y, Op::neg)) return b.add(x, operand(b, y, 0));
  return is_splat(b, y, 0.0) ? x : no_node;
}

NodeId mul_by_one(Builder &b, NodeId id) { // 1·x, -1·x, -a·-b
  NodeId x = operand(b, id, 0), y = operand(b, id, 1);
  for (auto [factor, other] : {std::pair{x, y}, std::pair{y, x}}) {
    if (is_splat(b, factor, 1)) return other;
    if (is_splat(b, factor, -1)) return b.neg(other);
  }
  return is(b, x, Op::neg) && is(b, y, Op::neg) ? b.mul(operand(b, x, 0), operand(b, y, 0)) : no_node;
}

NodeId zmul_known(Builder &b, NodeId id) { // a factor that is known, so that the rule of zeros is known to hold or not to matter
  NodeId g = operand(b, id, 0), d = operand(b, id, 1);
  auto known_g = splat(b.function(), g), known_d = splat(b.function(), d);
  if (known_g) return *known_g == 0 ? g : b.mul(g, d);
  return known_d && std::isfinite(*known_d) ? b.mul(g, d) : no_node;
}

NodeId div_by_power_of_two(Builder &b, NodeId id) { // x/2^k is x·2^-k, both rounded from the same number
  auto divisor = splat(b.function(), operand(b, id, 1));
  int exponent = 0;
  if (!divisor || std::fabs(std::frexp(*divisor, &exponent)) != 0.5 || std::abs(exponent) > 100) return no_node;
  return b.mul(operand(b, id, 0), b.like(id, 1 / *divisor));
}

NodeId small_power(Builder &b, NodeId id) {
  NodeId x = operand(b, id, 0);
  auto exponent = splat(b.function(), operand(b, id, 1));
  if (!exponent) return no_node;
  if (*exponent == 0) return b.like(id, 1);
  if (*exponent == 1) return x;
  if (*exponent == -1) return b.div(b.like(x, 1), x);
  if (*exponent != 2 && *exponent != 3 && *exponent != 4) return no_node;
  NodeId square = b.mul(x, x);
  return *exponent == 2 ? square : b.mul(square, *exponent == 3 ? x : square);
}

NodeId same_operands(Builder &b, NodeId id) { // min(x, x), max(x, x), x and x, x or x
  return operand(b, id, 0) == operand(b, id, 1) ? operand(b, id, 0) : no_node;
}

NodeId select_known(Builder &b, NodeId id) {
  NodeId condition = operand(b, id, 0), x = operand(b, id, 1), y = operand(b, id, 2);
  if (x == y) return x;
  if (auto known = splat(b.function(), condition)) return *known != 0 ? x : y;
  return is(b, condition, Op::logical_not) ? b.select(operand(b, condition, 0), y, x) : no_node;
}

NodeId logic_with_constant(Builder &b, NodeId id) {
  bool both = is(b, id, Op::logical_and);
  for (size_t i : {0, 1})
    if (auto known = splat(b.function(), operand(b, id, i)))
      return (*known != 0) == both ? operand(b, id, 1 - i) : operand(b, id, i);
  return no_node;
}

NodeId sum_of_negatives(Builder &b, NodeId id) { // Σ -x = -Σ x
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  NodeId inner = operand(b, id, 0);
  if (kind != ReduceKind::add || !is_float(b.type(id).elem) || !is(b, inner, Op::neg)) return no_node;
  return b.neg(b.reduce(kind, operand(b, inner, 0), axes));
}

} // namespace

std::vector<Rule> arithmetic_rules() {
  return {
      {Op::copy, "name only", first_operand},
      {Op::stop_gradient, "after differentiation", first_operand},
      {Op::convert, "convert of convert", convert_twice},
      {Op::neg, "double negation", double_inverse},
      {Op::logical_not, "double negation", double_inverse},
      {Op::add, "sum with a negative", add_negative},
      {Op::sub, "difference with a negative", sub_negative},
      {Op::mul, "product with one", mul_by_one},
      {Op::zmul, "known factor", zmul_known},
      {Op::div, "by a power of two", div_by_power_of_two},
      {Op::pow, "small power", small_power},
      {Op::min, "same operands", same_operands},
      {Op::max, "same operands", same_operands},
      {Op::logical_and, "same operands", same_operands},
      {Op::logical_or, "same operands", same_operands},
      {Op::logical_and, "known operand", logic_with_constant},
      {Op::logical_or, "known operand", logic_with_constant},
      {Op::select, "known choice", select_known},
      {Op::reduce, "sum of negatives", sum_of_negatives},
  };
}

} // namespace nnc::passes
