// log: x = 2^e m with m = 1 + f in [2/3, 4/3), so that log x = e ln 2 + log(1 + f) never cancels.
#include "codegen/vector_math_emitter.h"

namespace nnc::codegen {
namespace {

using Value = llvm::Value *;

// log(1 + f) = f + f^2 p(f) on [-1/3, 1/3]; degree 8, error 2^-26.6 of log(1 + f).
constexpr double log1p_f32[] = {-0x1p-1,       0x1.555502p-2,  -0x1.fffe84p-3, 0x1.99d1f2p-3, -0x1.55a756p-3,
                                0x1.1ebe82p-3, -0x1.f25d9ep-4, 0x1.1ed0bep-3,  -0x1.093258p-3};
// atanh(s) = s (1 + z p(z)), z = s^2, for |s| <= 1/5; degree 7, error 2^-62.6 of atanh(s).
constexpr double atanh_f64[] = {0x1.555555555554fp-2, 0x1.999999999c174p-3, 0x1.24924921e4d6ep-3, 0x1.c71c748f1f97dp-4,
                                0x1.745c4b0775b71p-4, 0x1.3b35ba9c6fcd9p-4, 0x1.0dcc050951c4ap-4, 0x1.1b7e7c22aeeaap-4};

} // namespace

LogParts emit_log_parts(const MathEmitter &m, Value x) {
  llvm::IRBuilderBase &b = m.b;
  const int digits = m.mantissa_bits;
  const double scale_up = static_cast<double>(uint64_t{1} << digits);
  const double smallest_normal = m.is_double ? 0x1p-1022 : 0x1p-126;
  // An integer i in the low bits of 2^digits is the number 2^digits + i: this converts the biased exponent.
  const double bias = scale_up + static_cast<double>(m.bias_bits >> digits);

  Value subnormal = b.CreateFCmpOLT(x, m.number(smallest_normal));
  Value scaled = m.select(subnormal, m.mul(x, m.number(scale_up)), x);
  const uint64_t two_thirds = m.is_double ? 0x3fe5555555555555 : 0x3f2aaaab;
  Value shifted = b.CreateAdd(m.bits(scaled), m.integer(m.bias_bits - two_thirds));
  Value biased = m.from_bits(b.CreateOr(b.CreateLShr(shifted, digits), m.bits(m.number(scale_up))));
  Value exponent = m.sub(biased, m.select(subnormal, m.number(bias + digits), m.number(bias)));
  Value mantissa = b.CreateAnd(shifted, m.integer((uint64_t{1} << digits) - 1));
  Value f = m.sub(m.from_bits(b.CreateAdd(mantissa, m.integer(two_thirds))), m.number(1));
  return {exponent, f};
}

Value emit_log(const MathEmitter &m, Value x) {
  auto [exponent, f] = emit_log_parts(m, x);
  Value low = m.mul(exponent, m.number(m.ln2().low));
  Value log1p;
  if (m.is_double) {
    // With s = f / (2 + f) and z = s^2: log(1 + f) = 2 atanh s = f - (f^2/2 - s (f^2/2 + 2 z p(z))).
    Value s = m.div(f, m.add(f, m.number(2)));
    Value z = m.mul(s, s);
    Value half_square = m.mul(m.mul(f, f), m.number(0.5));
    Value tail = m.fma(m.add(z, z), m.polynomial(z, atanh_f64), half_square);
    log1p = m.sub(f, m.sub(half_square, m.fma(s, tail, low)));
  } else {
    log1p = m.add(f, m.fma(m.mul(f, f), m.polynomial(f, log1p_f32), low));
  }
  Value finite = m.fma(exponent, m.ln2().high, log1p);
  llvm::IRBuilderBase &b = m.b;
  Value below_infinity = m.select(b.CreateFCmpOLT(x, m.number(m.infinity)), finite, x);
  Value not_positive = m.select(b.CreateFCmpOEQ(x, m.number(0)), m.number(-m.infinity), m.number(m.nan));
  return m.select(b.CreateFCmpOGT(x, m.number(0)), below_infinity, not_positive);
}

} // namespace nnc::codegen
