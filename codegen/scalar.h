#pragma once
// The code of each elementwise operation.

#include "codegen/kernel.h"
#include "codegen/vector_math.h"

namespace nnc::codegen {

/// A value's type in registers: bool is i1, u8 i8.
llvm::Type *register_type(llvm::LLVMContext &, ir::Elem);

/// Emits a Code::scalar for operands that are scalars or vectors of one lane count, all of them alike; random_bits has its path, a scalar i64,
/// as one more.
llvm::Value *emit_scalar(llvm::IRBuilderBase &, const MathTarget &, const Instruction &, llvm::ArrayRef<llvm::Value *> operands);

/// Σ fma(a, b): one rounding where the target can, else two.
llvm::Value *emit_fma(llvm::IRBuilderBase &, const MathTarget &, llvm::Value *a, llvm::Value *b, llvm::Value *sum);

/// The combination of two partial results; `left` is that of the earlier elements.
llvm::Value *emit_combine(llvm::IRBuilderBase &, ir::ReduceKind, llvm::Value *left, llvm::Value *right);

/// The partial result of no elements, of a register type or a vector of it.
llvm::Constant *reduce_identity(ir::ReduceKind, llvm::Type *);

/// The value in the register type, or the vector of it, of another element.
llvm::Value *emit_convert(llvm::IRBuilderBase &, llvm::Value *, ir::Elem to);

} // namespace nnc::codegen
