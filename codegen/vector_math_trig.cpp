// sin, cos and tan for every finite argument, after M. Payne and R. Hanek, "Radian reduction for trigonometric functions" (1983):
//
//   |x| 2/pi = n + t (modulo 4),  |t| <= 1/2,  r = t pi/2;  n chooses among +-sin r and +-cos r.
//
// Parts of the product that are multiples of 4 are dropped before the sum, so n and t need only the bits of 2/pi around the point.
// Float is evaluated in double, where one product is exact; double carries t and r as unevaluated sums high + low.
#include "codegen/vector_math_emitter.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

#include <cmath>
#include <vector>

namespace nnc::codegen {
namespace {

using Value = llvm::Value *;

constexpr double pi_half_high = 0x1.921fb54442d18p+0, pi_half_low = 0x1.1a62633145c07p-54;

// The first 1216 bits of 2/pi after the binary point.
constexpr uint64_t two_over_pi[] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

/// The bits first .. first + count - 1 (1 being the bit of weight 1/2) of 2/pi as a number; they keep their weight, times 2^exponent.
double two_over_pi_part(int first, int count, int exponent) {
  uint64_t bits = 0;
  for (int i = first; i < first + count; ++i) bits = bits << 1 | (two_over_pi[(i - 1) / 64] >> (63 - (i - 1) % 64) & 1);
  return std::ldexp(static_cast<double>(bits), exponent - (first + count - 1));
}

/// |x| = n pi/2 + high + low; n stands in the low bits of `n_bits`, modulo 4.
struct Reduced {
  Value n_bits, high, low; ///< low is null if it is below the precision of the result
};

/// x - 4 round(x / 4), exactly.
Value modulo_4(const MathEmitter &m, Value x) { return m.fma(m.rint(m.mul(x, m.number(0.25))), -4, x); }

/// |x| from a float: a product with 29 bits of 2/pi is exact in double. Five such parts and a full one reach 2^-198, while the
/// largest float is below 2^128 and no float is closer than 2^-31 to a multiple of pi/2.
Reduced reduce_f32(const MathEmitter &m, Value magnitude) {
  constexpr int parts = 6, part_bits = 29;
  std::vector<Value> products;
  for (int k = 0; k < parts; ++k) {
    const bool last = k == parts - 1;
    Value product = m.mul(magnitude, m.number(two_over_pi_part(1 + part_bits * k, last ? 53 : part_bits, 0)));
    products.push_back(last ? product : modulo_4(m, product));
  }
  Value sum = products[0];
  for (int k = 1; k < parts; ++k) sum = m.add(sum, products[k]);
  Value shifted = m.add(sum, m.number(m.rounding_shift()));
  // n is taken from the largest part first: what cancels then is exact.
  Value t = m.sub(products[0], m.sub(shifted, m.number(m.rounding_shift())));
  for (int k = 1; k < parts; ++k) t = m.add(t, products[k]);
  return {m.bits(shifted), m.mul(t, m.number(pi_half_high)), nullptr};
}

// Double: x = x' 2^(32 j) with j chosen so that x' < 2^62, and x' >= 2^30 for j > 0. Row j of the table is 2^(32 j) 2/pi without its
// multiples of 2^24, which give multiples of 4, in four parts of 53 bits: no double is closer than 2^-62 to a multiple of pi/2.
constexpr int rows = 32, row_parts = 4;

llvm::GlobalVariable *two_over_pi_table(const MathEmitter &m) {
  llvm::Module &module = *m.b.GetInsertBlock()->getModule();
  constexpr const char *name = "two_over_pi";
  if (llvm::GlobalVariable *table = module.getGlobalVariable(name, true)) return table;
  std::vector<double> values;
  for (int row = 0; row < rows; ++row) {
    const int first = row == 0 ? 1 : 32 * row - 23;
    for (int k = 0; k < row_parts; ++k) values.push_back(two_over_pi_part(first + 53 * k, 53, 32 * row));
  }
  llvm::Constant *initial = llvm::ConstantDataArray::get(module.getContext(), values);
  return new llvm::GlobalVariable(module, initial->getType(), true, llvm::GlobalValue::PrivateLinkage, initial, name);
}

/// table[index], lane by lane.
Value look_up(const MathEmitter &m, llvm::GlobalVariable *table, Value index) {
  llvm::IRBuilderBase &b = m.b;
  Value address = b.CreateGEP(b.getDoubleTy(), table, index);
  const llvm::Align align(sizeof(double));
  if (m.type->isVectorTy()) return b.CreateMaskedGather(m.type, address, align);
  return b.CreateAlignedLoad(m.type, address, align);
}

Reduced reduce_f64(const MathEmitter &m, Value magnitude) {
  llvm::IRBuilderBase &b = m.b;
  Value exponent = b.CreateLShr(m.bits(magnitude), 52);
  constexpr uint64_t first_scaled = 1023 + 30;
  Value beyond = b.CreateBinaryIntrinsic(llvm::Intrinsic::usub_sat, exponent, m.integer(first_scaled));
  Value row = b.CreateLShr(beyond, 5);
  Value x = m.mul(magnitude, m.from_bits(b.CreateSub(m.integer(m.bias_bits), b.CreateShl(row, 52 + 5))));

  llvm::GlobalVariable *table = two_over_pi_table(m);
  Value index = b.CreateShl(row, 2);
  Value part[row_parts];
  for (int k = 0; k < row_parts; ++k) part[k] = look_up(m, table, b.CreateAdd(index, m.integer(k)));
  const DoubleDouble p0 = m.two_product(x, part[0]), p1 = m.two_product(x, part[1]), p2 = m.two_product(x, part[2]);
  // In falling order, as the sum cancels exactly only with a part of its own size.
  Value terms[] = {modulo_4(m, p0.high), modulo_4(m, p0.low), modulo_4(m, p1.high), p1.low, p2.high};
  Value shifted = m.add(m.add(m.add(terms[0], terms[1]), terms[2]), m.number(m.rounding_shift()));
  DoubleDouble t = {m.sub(terms[0], m.sub(shifted, m.number(m.rounding_shift()))), m.fma(x, part[3], p2.low)};
  for (int k = 1; k < 5; ++k) {
    const DoubleDouble sum = m.two_sum(t.high, terms[k]);
    t = {sum.high, m.add(t.low, sum.low)};
  }
  t = m.fast_two_sum(t.high, t.low);
  const DoubleDouble r = m.two_product(t.high, m.number(pi_half_high));
  Value low = m.add(r.low, m.fma(t.high, pi_half_low, m.mul(t.low, m.number(pi_half_high))));
  // Small arguments are their own remainder, with n = 0; the product above would lose bits of subnormal ones.
  Value small = b.CreateFCmpOLT(magnitude, m.number(pi_half_high / 2));
  return {m.bits(shifted), m.select(small, magnitude, r.high), m.select(small, m.number(0), low)};
}

struct TrigRecipe {
  Reduced (*reduce)(const MathEmitter &, Value);
  std::span<const double> sin; ///< S(z), z = r^2: sin(r) = r + r z S(z)
  std::span<const double> cos; ///< C(z): cos(r) = 1 - z / 2 + z^2 C(z)
};

// Error 2^-28.05 of sin(r), |r| <= pi/4.
constexpr double sin_f32[] = {-0x1.55554599c4ee8p-3, 0x1.1107606f38178p-7, -0x1.994ebb7e34657p-13};
// Error 2^-63.25 of sin(r), |r| <= pi/4.
constexpr double sin_f64[] = {-0x1.5555555555555p-3,  0x1.1111111111067p-7,  -0x1.a01a019ffdba6p-13, 0x1.71de3a32a9d7ep-19,
                              -0x1.ae642ad6f24d6p-26, 0x1.6108b472329e8p-33, -0x1.9f714e27a3bf7p-41};
// Absolute error 2^-33.28, |r| <= pi/4.
constexpr double cos_f32[] = {0x1.55554ab4f2233p-5, -0x1.6c0c8c52ae22ap-10, 0x1.9a0283d018bdfp-16};
// Absolute error 2^-64.19, |r| <= pi/4.
constexpr double cos_f64[] = {0x1.555555555554cp-5,   -0x1.6c16c16c1521fp-10, 0x1.a01a019cbf62cp-16,
                              -0x1.27e4f812b6d19p-22, 0x1.1ee9f152fb713p-29,  -0x1.8fb1313a06bc2p-37};

constexpr TrigRecipe trig_f32 = {reduce_f32, sin_f32, cos_f32};
constexpr TrigRecipe trig_f64 = {reduce_f64, sin_f64, cos_f64};

struct SinCos {
  Value n_bits, sin, cos; ///< of the remainder
};

SinCos sin_cos(const MathEmitter &m, const TrigRecipe &recipe, Value x) {
  const Reduced r = recipe.reduce(m, m.abs(x));
  Value z = m.mul(r.high, r.high);
  Value minus_half_z = m.mul(z, m.number(-0.5));
  Value sin_tail = m.polynomial(z, recipe.sin), cos_tail = m.mul(m.mul(z, z), m.polynomial(z, recipe.cos));
  Value one_less = m.add(minus_half_z, m.number(1));
  Value high_z = m.mul(r.high, z);
  if (!r.low) return {r.n_bits, m.fma(high_z, sin_tail, r.high), m.add(one_less, cos_tail)};
  // To first order in low: sin(r) += low (1 - z/2), cos(r) -= r low; the rounding error of 1 - z/2 is added back.
  Value sin = m.add(r.high, m.fma(high_z, sin_tail, m.fma(r.low, minus_half_z, r.low)));
  Value lost = m.add(m.sub(m.number(1), one_less), minus_half_z);
  Value cos = m.add(one_less, m.add(lost, m.fma(m.negate(r.high), r.low, cos_tail)));
  return {r.n_bits, sin, cos};
}

Value is_odd(const MathEmitter &m, Value n) { return m.b.CreateICmpNE(m.b.CreateAnd(n, m.integer(1)), m.integer(0)); }

/// x with its sign changed where the highest bit of `word` is set.
Value flip_sign(const MathEmitter &m, Value x, Value word) {
  Value sign = m.b.CreateAnd(word, m.integer(uint64_t{1} << 63));
  return m.from_bits(m.b.CreateXor(m.bits(x), sign));
}

// sin and tan are odd, so that the sign of x changes theirs.

Value sin_of(const MathEmitter &m, const SinCos &of, Value x) {
  Value value = m.select(is_odd(m, of.n_bits), of.cos, of.sin);
  return flip_sign(m, value, m.b.CreateXor(m.b.CreateShl(of.n_bits, 62), m.bits(x)));
}

Value cos_of(const MathEmitter &m, const SinCos &of, Value) {
  Value next = m.b.CreateAdd(of.n_bits, m.integer(1));
  return flip_sign(m, m.select(is_odd(m, of.n_bits), of.sin, of.cos), m.b.CreateShl(next, 62));
}

// tan(r + pi/2) = -cos(r) / sin(r)
Value tan_of(const MathEmitter &m, const SinCos &of, Value x) {
  Value odd = is_odd(m, of.n_bits);
  Value quotient = m.div(m.select(odd, of.cos, of.sin), m.select(odd, of.sin, of.cos));
  return flip_sign(m, quotient, m.b.CreateXor(m.b.CreateShl(of.n_bits, 63), m.bits(x)));
}

Value emit_trig(const MathEmitter &m, Value x, Value (*finish)(const MathEmitter &, const SinCos &, Value)) {
  const MathEmitter wide = m.widened();
  Value wide_x = m.is_double ? x : m.b.CreateFPExt(x, wide.type);
  Value result = finish(wide, sin_cos(wide, m.is_double ? trig_f64 : trig_f32, wide_x), wide_x);
  return m.is_double ? result : m.b.CreateFPTrunc(result, m.type);
}

} // namespace

llvm::Value *emit_sin(const MathEmitter &m, Value x) { return emit_trig(m, x, sin_of); }
llvm::Value *emit_cos(const MathEmitter &m, Value x) { return emit_trig(m, x, cos_of); }
llvm::Value *emit_tan(const MathEmitter &m, Value x) { return emit_trig(m, x, tan_of); }

} // namespace nnc::codegen
