// erf, odd, in two pieces: a polynomial in x^2 for small |x|, and 1 - p^k for large |x|, where p fits the k-th root of erfc, k = 4 or
// 8: the root is far closer to a polynomial than erfc, and an error of p counts only k p^(k-1) times.
#include "codegen/vector_math_emitter.h"

namespace nnc::codegen {
namespace {

using Value = llvm::Value *;

struct ErfRecipe {
  std::span<const double> small; ///< p(z), z = x^2: erf(x) = x + x p(z) for |x| < 9/8
  std::span<const double> large; ///< p(u), u = |x| - centre: erfc(|x|) = p(u)^(2^squarings) for |x| in [9/8, one]
  double centre;
  double one; ///< erf rounds to 1 from here on
  int squarings;
};

// Error 2^-27.1 of erf(x).
constexpr double small_f32[] = {0x1.06eba8p-3, -0x1.81272ep-2,  0x1.ce2984p-4, -0x1.b7bbdap-6,
                                0x1.522eaep-8, -0x1.9726a4p-11, 0x1.28463p-14};
// Absolute error 2^-26.6 of erf(x).
constexpr double large_f32[] = {0x1.0b4c36p-3, -0x1.6d9554p-3, 0x1.75782ep-4,  -0x1.c55a22p-7,
                                -0x1.71b8p-8,  0x1.69e76p-9,   0x1.efe60ep-17, -0x1.784236p-13};
// Error 2^-56.01 of erf(x).
constexpr double small_f64[] = {0x1.06eba8214db68p-3, -0x1.812746b0379a6p-2,  0x1.ce2f21a040498p-4,  -0x1.b82ce311f280ep-6,
                                0x1.565bccfbbc9e1p-8, -0x1.c02db13bf1722p-11, 0x1.f9a2e3a04e814p-14, -0x1.f4ce123714162p-17,
                                0x1.b9b6f2c5dca4p-20, -0x1.5e05a7da7fbc6p-23, 0x1.ede6758de1808p-27, -0x1.1f4b916aa8ca9p-30,
                                0x1.98c2a712de983p-35};
// Absolute error 2^-56.39 of erf(x).
constexpr double large_f64[] = {0x1.4b665da957857p-3,  -0x1.3201ab7398ae6p-3,  0x1.94c4969d9087ap-5,   -0x1.ab4c2759b23b1p-9,
                                -0x1.19a883d1474a9p-9, 0x1.110f0f96af5c2p-11,  0x1.c678273edf1fep-17,  -0x1.571a09df579d5p-16,
                                0x1.02c5ac6007b1fp-19, 0x1.82612649ff36ep-22,  -0x1.51d8965b1f3aep-24, -0x1.198c1bcf272f6p-29,
                                0x1.c403bf5610018p-30, -0x1.349e318fb0c04p-34, 0x1.556647aa9a973p-37,  0x1.997e8612d3547p-36,
                                0x1.a31e46eb98982p-38, 0x1.d7eb625edbcfap-41,  0x1.ee7405cc0e907p-45};

constexpr ErfRecipe erf_f32 = {small_f32, large_f32, 41. / 16, 4, 2};
constexpr ErfRecipe erf_f64 = {small_f64, large_f64, 57. / 16, 6, 3};

} // namespace

llvm::Value *emit_erf(const MathEmitter &m, Value x) {
  const ErfRecipe &recipe = m.is_double ? erf_f64 : erf_f32;
  Value magnitude = m.at_most(recipe.one, m.abs(x));
  Value z = m.mul(magnitude, magnitude);
  Value small = m.fma(magnitude, m.polynomial(z, recipe.small), magnitude);
  Value root = m.polynomial(m.sub(magnitude, m.number(recipe.centre)), recipe.large);
  for (int k = 1; k < recipe.squarings; ++k) root = m.mul(root, root);
  Value large = m.fma(m.negate(root), root, m.number(1));
  return m.copysign(m.select(m.b.CreateFCmpOLT(magnitude, m.number(9. / 8)), small, large), x);
}

} // namespace nnc::codegen
