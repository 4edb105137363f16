// exp and tanh, after W. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980).
//
//   e^x = 2^n e^r,  n = round(x / ln 2),  r = x - n ln 2 in [-ln2/2, ln2/2],  e^r = 1 + r + r^2 q(r)
#include "codegen/vector_math_emitter.h"

#include <llvm/IR/PatternMatch.h>

#include <array>
#include <cmath>

namespace nnc::codegen {
namespace {

using Value = llvm::Value *;

constexpr double log2_e = 0x1.71547652b82fep+0;

struct ExpRecipe {
  double smallest, largest;           ///< e^x is 0 and infinity from here on
  double ordinary;                    ///< e^x is far from that for |x| below
  std::span<const double> quotient;   ///< q(r) = (e^r - 1 - r) / r^2
  double tanh_one;                    ///< tanh rounds to 1 from here on
  std::span<const double> tanh_small; ///< p(z), z = x^2: tanh(x) = x + x z p(z) for |x| < 9/16
};

// Error 2^-28.2 of e^r.
constexpr double quotient_f32[] = {0x1.fffffcp-2, 0x1.55548cp-3, 0x1.555858p-5, 0x1.123ddep-7, 0x1.6ac69p-10};
// Error 2^-60.27 of e^r.
constexpr double quotient_f64[] = {0x1p-1,
                                   0x1.555555555555bp-3,
                                   0x1.5555555555503p-5,
                                   0x1.111111110ec5dp-7,
                                   0x1.6c16c16c30475p-10,
                                   0x1.a01a01b37e359p-13,
                                   0x1.a01a013696e2dp-16,
                                   0x1.71ddf020dbd78p-19,
                                   0x1.27e5b436ef1dp-22,
                                   0x1.af6be7c183927p-26,
                                   0x1.1e3d43b2e229dp-29};
// Error 2^-29.4 of tanh.
constexpr double tanh_f32[] = {-0x1.555548p-2, 0x1.110c5ep-3, -0x1.b905c4p-5, 0x1.5811f4p-6, -0x1.9454d6p-8};
// Error 2^-59.8 of tanh.
constexpr double tanh_f64[] = {-0x1.555555555554bp-2,  0x1.1111111110246p-3,  -0x1.ba1ba1b92fa3dp-5,  0x1.664f4847f683fp-6,
                               -0x1.226e2cd61eab5p-7,  0x1.d6d240b8ae9bap-9,  -0x1.7d8b3f45f3323p-10, 0x1.345df23d87ccbp-11,
                               -0x1.e7ef6593a7217p-13, 0x1.59262b39dc9c1p-14, -0x1.3c6fee382a099p-16};

constexpr ExpRecipe exp_f32 = {-104, 89, 64, quotient_f32, 10, tanh_f32};
constexpr ExpRecipe exp_f64 = {-746, 710, 512, quotient_f64, 20, tanh_f64};

const ExpRecipe &recipe(const MathEmitter &m) { return m.is_double ? exp_f64 : exp_f32; }

/// e^x = 2^n (1 + tail); `shifted` is n + rounding_shift().
struct ExpParts {
  Value shifted, tail;
};
ExpParts exp_parts(const MathEmitter &m, Value x, Value low) {
  Value shifted = m.fma(x, log2_e, m.number(m.rounding_shift()));
  Value n = m.sub(shifted, m.number(m.rounding_shift()));
  Value r = m.fma(n, -m.ln2().low, m.fma(n, -m.ln2().high, x));
  if (low) r = m.add(r, low);
  Value square = m.mul(r, r);
  return {shifted, m.fma(square, m.polynomial(r, square, recipe(m).quotient), r)};
}

/// e^x for |x| < ordinary, where 2^n and all before it are far from both ends of the range.
Value ordinary_exp(const MathEmitter &m, Value x) {
  const ExpParts parts = exp_parts(m, x, nullptr);
  Value power = m.power_of_two(m.bits(parts.shifted));
  return m.fma(parts.tail, power, power);
}

} // namespace

// 2^n is out of range at both ends, so that it is multiplied by in two halves, of which only the second product rounds. From above x is bounded; from
// below only n: e^x is 0 there in any case, and so x comes sooner to r.
llvm::Value *emit_exp_of_sum(const MathEmitter &m, Value high, Value low) {
  const ExpRecipe &recipe = codegen::recipe(m);
  const ExpParts parts = exp_parts(m, m.at_most(recipe.largest, high), low);
  Value bits = m.bits(m.at_least(m.rounding_shift() + std::floor(recipe.smallest * log2_e), parts.shifted));
  Value half = m.b.CreateLShr(bits, 1);
  Value first = m.power_of_two(half), second = m.power_of_two(m.b.CreateSub(bits, half));
  // What is below the smallest is 0 before the second product: one that is no normal number takes a hundred cycles, and masks are full of e^-inf.
  Value is_zero = m.b.CreateFCmpOLT(high, m.number(recipe.smallest));
  return m.mul(m.select(is_zero, m.number(0), m.fma(parts.tail, first, first)), second);
}

// Where a branch may tell them apart, ordinary numbers are spared what guards the ends of the range: 8 of 43 cycles. The sign of e^-x is made in the
// block that uses it, in which LLVM finds it a part of the first product.
llvm::Value *emit_exp(const MathEmitter &m, Value x) {
  if (!m.target.branches || m.type->isVectorTy()) return emit_exp_of_sum(m, x, nullptr);
  Value opposite = nullptr;
  const bool is_opposite = llvm::PatternMatch::match(x, llvm::PatternMatch::m_FNeg(llvm::PatternMatch::m_Value(opposite)));
  auto argument = [&] { return is_opposite ? m.negate(opposite) : x; };
  llvm::BasicBlock *from = m.b.GetInsertBlock();
  auto block = [&] { return llvm::BasicBlock::Create(m.b.getContext(), "", from->getParent()); };
  llvm::BasicBlock *ordinary = block(), *any = block(), *after = block();
  m.b.CreateCondBr(m.b.CreateFCmpOLT(m.abs(is_opposite ? opposite : x), m.number(recipe(m).ordinary)), ordinary, any);
  m.b.SetInsertPoint(ordinary);
  Value usual = ordinary_exp(m, argument());
  m.b.CreateBr(after);
  m.b.SetInsertPoint(any);
  Value guarded = emit_exp_of_sum(m, argument(), nullptr);
  m.b.CreateBr(after);
  m.b.SetInsertPoint(after);
  llvm::PHINode *result = m.b.CreatePHI(m.type, 2);
  result->addIncoming(usual, ordinary), result->addIncoming(guarded, any);
  return result;
}

// For |x| < 9/16 a polynomial, else tanh |x| = 1 - 2 / (1 + e^(2|x|)), where an error of the exponent counts at most 3/8, so that one
// constant for ln 2 is enough. The factors 2 are folded into the constants: with r = 2v,
//
//   v = |x| - n ln2 / 2,  (e^r - 1) / 2 = v + 2 v^2 q(2v),  1 + e^(2|x|) = 2^(n+1) (e^r - 1) / 2 + (1 + 2^n)
llvm::Value *emit_tanh(const MathEmitter &m, Value x) {
  const ExpRecipe &recipe = codegen::recipe(m);
  std::array<double, std::size(quotient_f64)> folded{};
  double factor = 2;
  for (size_t k = 0; k < recipe.quotient.size(); ++k, factor *= 2) folded[k] = recipe.quotient[k] * factor;
  const std::span<const double> quotient = std::span(folded).first(recipe.quotient.size());

  Value u = m.at_most(recipe.tanh_one, m.abs(x));
  Value z = m.mul(u, u);
  Value small = m.fma(m.mul(u, z), m.polynomial(z, recipe.tanh_small), u);

  Value shifted = m.fma(u, 2 * log2_e, m.number(m.rounding_shift()));
  Value n = m.sub(shifted, m.number(m.rounding_shift()));
  Value v = m.fma(n, -(m.ln2().high + m.ln2().low) / 2, u);
  Value tail = m.fma(m.mul(v, v), m.polynomial(v, quotient), v);
  Value twice_power = m.power_of_two(m.bits(shifted), 1);
  Value denominator = m.fma(tail, twice_power, m.fma(twice_power, 0.5, m.number(1)));
  Value large = m.sub(m.number(1), m.div(m.number(2), denominator));

  return m.copysign(m.select(m.b.CreateFCmpOLT(u, m.number(9. / 16)), small, large), x);
}

} // namespace nnc::codegen
