#pragma once

#include <llvm/IR/IRBuilder.h>

namespace nnc::codegen {

/// The elementary functions that kernels evaluate inline.
enum class MathFunction { Exp, Log, Sin, Cos, Tan, Tanh, Erf, Sqrt, Rsqrt, Pow };

/// What the recipes must know of the processor.
struct MathTarget {
  bool fma = true;       ///< fused multiply-add exists (x86-64-v3 and above); without it llvm.fma would become a call of libm
  bool branches = false; ///< the code of a single number may branch, since how long it takes counts, not how many it is done for
};

/// Emits code that evaluates `function` at `x` (for Pow: x to the power `y`), lane by lane.
///
/// `x` is a float, a double or a fixed vector of them, and `y` has the same type. The code has no call of a library and no
/// fast-math flag, and a scalar, with branches or without, has the very value that a lane of a vector has. It may read a
/// constant table, which it adds to the module of the insertion point. Only with `branches` it leaves the builder in another block.
///
/// Special values follow C99, annex F (NaN payloads and signs excepted); subnormal numbers are read and produced. Every finite argument
/// is in the range of every function. Largest error found, in units in the last place (ULP), with FMA: float over all 2^32 inputs
/// (sin, cos, tan over every 397th), double, and pow in both, over 2^24 random ones (tests/vector_math_test.cpp). Without FMA erf may
/// lose another 0.5.
///
///     function   float   double
///     exp        1.02    0.98
///     log        0.91    0.77
///     sin, cos   0.57    0.81
///     tan        0.57    2.15
///     tanh       1.31    1.42
///     erf        1.41    2.40
///     sqrt       0.50    0.50
///     rsqrt      1.50    1.49    1 / sqrt(x), both rounded
///     pow        0.51    1.59
llvm::Value *emit_math(llvm::IRBuilderBase &b, const MathTarget &target, MathFunction function, llvm::Value *x,
                       llvm::Value *y = nullptr);

/// Emits x to a constant integer power by repeated squaring; 1 for exponent 0, 1 / x^|exponent| for a negative one. The error is
/// at most about |exponent| / 2 ULP, as a square doubles the error of its root.
llvm::Value *emit_powi(llvm::IRBuilderBase &b, llvm::Value *x, int exponent);

} // namespace nnc::codegen
