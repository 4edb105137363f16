#pragma once

#include "codegen/vector_math.h"

#include <llvm/IR/Intrinsics.h>

#include <cstdint>
#include <limits>
#include <span>

namespace nnc::codegen {

/// A number as the unevaluated sum of two, |low| being about the rounding error of high or less.
struct DoubleDouble {
  llvm::Value *high, *low;
};

/// The vocabulary of the recipes: IEEE arithmetic and bit operations on one type, float or double, scalar or vector. The recipes'
/// polynomials are minimax fits by scripts/fit_polynomials.py; the error beside each is of the polynomial, before rounding of its terms.
struct MathEmitter {
  using Value = llvm::Value *;

  llvm::IRBuilderBase &b;
  MathTarget target;
  llvm::Type *type;      ///< of the numbers
  llvm::Type *bits_type; ///< the integers of the same width and lane count
  bool is_double;
  int mantissa_bits;  ///< stored bits: 23 or 52
  uint64_t bias_bits; ///< the bits of 1.0

  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();

  MathEmitter(llvm::IRBuilderBase &builder, const MathTarget &math_target, llvm::Type *number_type)
      : b(builder), target(math_target), type(number_type), is_double(number_type->getScalarType()->isDoubleTy()),
        mantissa_bits(is_double ? 52 : 23), bias_bits(is_double ? uint64_t{1023} << 52 : uint64_t{127} << 23) {
    bits_type = number_type->getWithNewType(b.getIntNTy(is_double ? 64 : 32));
  }

  /// The same vocabulary in double precision with the same lane count.
  MathEmitter widened() const { return {b, target, type->getWithNewType(b.getDoubleTy())}; }

  /// ln 2 = high + low, where n high is exact for every exponent n of the type: high ends in as many zero bits as n has.
  struct Ln2 {
    double high, low;
  };
  Ln2 ln2() const { return is_double ? Ln2{0x1.62e42fefa38p-1, 0x1.ef35793c7673p-45} : Ln2{0x1.62e4p-1, 0x1.7f7d1cf79abcap-20}; }

  Value number(double value) const { return llvm::ConstantFP::get(type, value); }
  Value integer(uint64_t value) const { return llvm::ConstantInt::get(bits_type, is_double ? value : value & 0xffffffff); }
  Value bits(Value x) const { return b.CreateBitCast(x, bits_type); }
  Value from_bits(Value x) const { return b.CreateBitCast(x, type); }

  Value add(Value x, Value y) const { return b.CreateFAdd(x, y); }
  Value sub(Value x, Value y) const { return b.CreateFSub(x, y); }
  Value mul(Value x, Value y) const { return b.CreateFMul(x, y); }
  Value div(Value x, Value y) const { return b.CreateFDiv(x, y); }
  Value negate(Value x) const { return b.CreateFNeg(x); }
  Value abs(Value x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  Value copysign(Value magnitude, Value sign) const {
    return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, magnitude, sign);
  }
  Value sqrt(Value x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x); }
  Value rint(Value x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::rint, x); }
  Value trunc(Value x) const { return b.CreateUnaryIntrinsic(llvm::Intrinsic::trunc, x); }
  Value select(Value condition, Value x, Value y) const { return b.CreateSelect(condition, x, y); }

  /// x y + z, rounded once where the target can.
  Value fma(Value x, Value y, Value z) const {
    if (!target.fma) return add(mul(x, y), z);
    return b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {x, y, z});
  }
  Value fma(Value x, double y, Value z) const { return fma(x, number(y), z); }

  // Sums and products without rounding error; T. Dekker, "A floating-point technique for extending the available precision" (1971),
  // and D. Knuth, TAOCP 2, 4.2.2.

  /// x + y exactly, for |x| >= |y| or x = 0.
  DoubleDouble fast_two_sum(Value x, Value y) const {
    Value sum = add(x, y);
    return {sum, sub(y, sub(sum, x))};
  }
  /// x + y exactly.
  DoubleDouble two_sum(Value x, Value y) const {
    Value sum = add(x, y), part = sub(sum, x);
    return {sum, add(sub(x, sub(sum, part)), sub(y, part))};
  }
  /// x y exactly; the low part is no number if the high part, or without FMA 2^27 times a factor, overflows.
  DoubleDouble two_product(Value x, Value y) const {
    Value high = mul(x, y);
    if (target.fma) return {high, fma(x, y, negate(high))};
    const DoubleDouble p = halves(x), q = halves(y);
    Value rest = sub(mul(p.high, q.high), high);
    return {high, add(add(add(rest, mul(p.high, q.low)), mul(p.low, q.high)), mul(p.low, q.low))};
  }
  /// x y to about twice the precision.
  DoubleDouble product(const DoubleDouble &x, const DoubleDouble &y) const {
    const DoubleDouble high = two_product(x.high, y.high);
    return {high.high, fma(x.high, y.low, fma(x.low, y.high, high.low))};
  }
  /// x as the sum of two numbers of half the digits, so that products of halves are exact (Veltkamp).
  DoubleDouble halves(Value x) const {
    Value shifted = mul(x, number(static_cast<double>((uint64_t{1} << (mantissa_bits + 2) / 2) + 1)));
    Value high = sub(shifted, sub(shifted, x));
    return {high, sub(x, high)};
  }

  /// The smaller (larger) of x and the bound; a NaN stays. One minps (maxps) each.
  Value at_most(double bound, Value x) const { return select(b.CreateFCmpOLT(number(bound), x), number(bound), x); }
  Value at_least(double bound, Value x) const { return select(b.CreateFCmpOGT(number(bound), x), number(bound), x); }

  /// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule: the fewest instructions, as neighbouring vectors hide the latency.
  Value polynomial(Value x, std::span<const double> c) const {
    Value sum = number(c.back());
    for (size_t k = c.size() - 1; k-- > 0;) sum = fma(sum, x, number(c[k]));
    return sum;
  }

  /// The same by Horner's rule in x^2, of pairs of terms: as many instructions, and half the latency.
  Value polynomial(Value x, Value square, std::span<const double> c) const {
    auto pair = [&](size_t k) { return k + 1 < c.size() ? fma(x, c[k + 1], number(c[k])) : number(c[k]); };
    size_t k = (c.size() - 1) / 2 * 2;
    Value sum = pair(k);
    while (k > 0) sum = fma(sum, square, pair(k -= 2));
    return sum;
  }

  /// Adding 1.5 * 2^mantissa_bits to a small number rounds it to the nearest integer n and leaves n in the low bits.
  double rounding_shift() const { return 1.5 * static_cast<double>(uint64_t{1} << mantissa_bits); }
  /// 2^(n + offset), a normal number, from the bits of n + rounding_shift(): the left shift drops the bits of the constant.
  Value power_of_two(Value shifted_bits, uint64_t offset = 0) const {
    const uint64_t bias = bias_bits + (offset << mantissa_bits);
    return from_bits(b.CreateAdd(b.CreateShl(shifted_bits, mantissa_bits), integer(bias)));
  }
};

/// Positive finite x = 2^exponent (1 + f) with 1 + f in [2/3, 4/3) exactly; any numbers for another x.
struct LogParts {
  llvm::Value *exponent, *f;
};
LogParts emit_log_parts(const MathEmitter &m, llvm::Value *x);

/// One recipe each; a file each holds a family.
llvm::Value *emit_exp(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_tanh(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_log(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_erf(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_sin(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_cos(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_tan(const MathEmitter &m, llvm::Value *x);
llvm::Value *emit_pow(const MathEmitter &m, llvm::Value *x, llvm::Value *y);

/// e^(high + low) for |low| far below |high|; `high` may be any number, `low` must be finite.
llvm::Value *emit_exp_of_sum(const MathEmitter &m, llvm::Value *high, llvm::Value *low);

} // namespace nnc::codegen
