// pow(x, y) = e^(y log |x|), the sign and the special values after C99 F.9.4.4. An error d of y log |x| is a relative error d of the
// result, and y log |x| reaches 745, so the logarithm needs 10 bits more than the result: float goes through double, double
// through unevaluated sums high + low.
#include "codegen/vector_math_emitter.h"

namespace nnc::codegen {
namespace {

using Value = llvm::Value *;

// atanh(s) = s (1 + z / 3 + z^2 p(z)), z = s^2, |s| <= 1/5; error 2^-69.04 of atanh(s).
constexpr double atanh_second[] = {0x1.9999999999968p-3, 0x1.2492492498d41p-3, 0x1.c71c71bc777aep-4, 0x1.745d1bc319b46p-4,
                                   0x1.3b12990319701p-4, 0x1.113a073644007p-4, 0x1.dad25e695aeadp-5, 0x1.0177ab4d9cc47p-4};
constexpr double third_high = 0x1.5555555555555p-2, third_low = 0x1.5555555555555p-56;

/// log x to about 2^-64 of itself, for positive finite x: exponent ln 2 + 2 atanh(s), s = f / (2 + f).
DoubleDouble log_of(const MathEmitter &m, Value x) {
  const auto [exponent, f] = emit_log_parts(m, x);
  Value sum = m.add(f, m.number(2));
  Value sum_low = m.sub(f, m.sub(sum, m.number(2)));
  Value s = m.div(f, sum);
  const DoubleDouble product = m.two_product(s, sum);
  Value s_low = m.div(m.sub(m.sub(m.sub(f, product.high), product.low), m.mul(s, sum_low)), sum);

  // w = 1/3 + z p(z), then z w, then 2 s (1 + z w).
  DoubleDouble z = m.two_product(s, s);
  z.low = m.fma(m.add(s, s), s_low, z.low);
  DoubleDouble w = m.fast_two_sum(m.number(third_high), m.mul(z.high, m.polynomial(z.high, atanh_second)));
  w.low = m.add(w.low, m.number(third_low));
  const DoubleDouble zw = m.product(z, w);
  const DoubleDouble twice_s = {m.add(s, s), m.add(s_low, s_low)};
  const DoubleDouble tail = m.product(twice_s, zw);

  // Each term is larger than the next, or zero.
  const DoubleDouble first = m.fast_two_sum(m.mul(exponent, m.number(m.ln2().high)), twice_s.high);
  const DoubleDouble second = m.fast_two_sum(first.high, tail.high);
  Value low = m.add(m.add(m.add(first.low, second.low), m.add(tail.low, twice_s.low)), m.mul(exponent, m.number(m.ln2().low)));
  return m.fast_two_sum(second.high, low);
}

/// |x|^y in double: the exponent y log |x| as a sum. Zero, infinite and NaN |x| have the logarithm -inf, inf and NaN.
Value power_f64(const MathEmitter &m, Value magnitude, Value y) {
  llvm::IRBuilderBase &b = m.b;
  DoubleDouble log = log_of(m, magnitude);
  Value below_infinity = b.CreateFCmpOLT(magnitude, m.number(m.infinity));
  Value positive = b.CreateFCmpOGT(magnitude, m.number(0));
  log.high = m.select(below_infinity, m.select(positive, log.high, m.number(-m.infinity)), magnitude);
  DoubleDouble exponent = m.two_product(y, log.high);
  exponent.low = m.fma(y, log.low, exponent.low);
  // Beyond, the result is 0 or infinity whatever the low part, which may be NaN.
  Value ordinary = b.CreateFCmpOLT(m.abs(exponent.high), m.number(1024));
  return emit_exp_of_sum(m, exponent.high, m.select(ordinary, exponent.low, m.number(0)));
}

Value power_f32(const MathEmitter &m, Value magnitude, Value y) {
  const MathEmitter wide = m.widened();
  Value log = emit_log(wide, m.b.CreateFPExt(magnitude, wide.type));
  return m.b.CreateFPTrunc(emit_exp(wide, wide.mul(m.b.CreateFPExt(y, wide.type), log)), m.type);
}

} // namespace

llvm::Value *emit_pow(const MathEmitter &m, Value x, Value y) {
  llvm::IRBuilderBase &b = m.b;
  Value magnitude = m.abs(x);
  // From 2^64 on the power is 0, 1 or infinity: every |x| but 1 is further than 2^-54 from it. Infinity times log 1 would be NaN.
  Value bounded_y = m.at_least(-0x1p64, m.at_most(0x1p64, y));
  Value result = m.is_double ? power_f64(m, magnitude, bounded_y) : power_f32(m, magnitude, bounded_y);

  // A negative x, or -0, takes its sign to an odd power; a negative number has no power that is no integer. Infinite y is even.
  Value half_y = m.mul(y, m.number(0.5));
  Value is_integer = b.CreateFCmpOEQ(m.trunc(y), y);
  Value is_odd = b.CreateAnd(is_integer, b.CreateFCmpONE(m.trunc(half_y), half_y));
  result = m.select(is_odd, m.copysign(result, x), result);
  Value negative = b.CreateAnd(b.CreateFCmpOLT(x, m.number(0)), b.CreateFCmpOGT(x, m.number(-m.infinity)));
  result = m.select(b.CreateAnd(negative, b.CreateNot(is_integer)), m.number(m.nan), result);

  Value is_one = b.CreateOr(b.CreateFCmpOEQ(y, m.number(0)), b.CreateFCmpOEQ(x, m.number(1)));
  return m.select(is_one, m.number(1), result);
}

} // namespace nnc::codegen
