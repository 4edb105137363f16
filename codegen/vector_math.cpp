#include "codegen/vector_math.h"

#include "codegen/vector_math_emitter.h"

#include <llvm/Support/ErrorHandling.h>

namespace nnc::codegen {
namespace {

/// The recipes rely on IEEE semantics, whatever flags the kernel's builder carries.
struct StrictArithmetic {
  explicit StrictArithmetic(llvm::IRBuilderBase &b) : guard(b) { b.clearFastMathFlags(); }
  llvm::IRBuilderBase::FastMathFlagGuard guard;
};

} // namespace

llvm::Value *emit_math(llvm::IRBuilderBase &b, const MathTarget &target, MathFunction function, llvm::Value *x, llvm::Value *y) {
  StrictArithmetic strict(b);
  const MathEmitter m(b, target, x->getType());
  switch (function) {
  case MathFunction::Exp: return emit_exp(m, x);
  case MathFunction::Log: return emit_log(m, x);
  case MathFunction::Sin: return emit_sin(m, x);
  case MathFunction::Cos: return emit_cos(m, x);
  case MathFunction::Tan: return emit_tan(m, x);
  case MathFunction::Tanh: return emit_tanh(m, x);
  case MathFunction::Erf: return emit_erf(m, x);
  case MathFunction::Sqrt: return m.sqrt(x);
  case MathFunction::Rsqrt: return m.div(m.number(1), m.sqrt(x));
  case MathFunction::Pow: return emit_pow(m, x, y);
  }
  llvm_unreachable("an unknown mathematical function");
}

llvm::Value *emit_powi(llvm::IRBuilderBase &b, llvm::Value *x, int exponent) {
  StrictArithmetic strict(b);
  const MathEmitter m(b, {}, x->getType());
  // By squaring, from the lowest bit of |exponent|; unsigned, as |INT_MIN| is no int.
  unsigned rest = exponent < 0 ? 0u - static_cast<unsigned>(exponent) : static_cast<unsigned>(exponent);
  llvm::Value *product = nullptr;
  for (llvm::Value *square = x; rest != 0; square = m.mul(square, square)) {
    if (rest & 1) product = product ? m.mul(product, square) : square;
    rest >>= 1;
    if (rest == 0) break;
  }
  if (!product) return m.number(1);
  return exponent < 0 ? m.div(m.number(1), product) : product;
}

} // namespace nnc::codegen
