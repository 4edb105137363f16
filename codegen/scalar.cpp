#include "codegen/scalar.h"

#include "ir/builder.h"
#include "ir/op.h"
#include "ir/philox.h"

#include <fmt/format.h>
#include <llvm/ADT/APSInt.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/PatternMatch.h>

#include <limits>

namespace nnc::codegen {

using ir::Elem;
using ir::Op;
using llvm::Value;
using llvm::Intrinsic::ID;

llvm::Type *register_type(llvm::LLVMContext &context, Elem elem) {
  switch (elem) {
  case Elem::boolean: return llvm::Type::getInt1Ty(context);
  case Elem::u8: return llvm::Type::getInt8Ty(context);
  case Elem::i32: return llvm::Type::getInt32Ty(context);
  case Elem::f32: return llvm::Type::getFloatTy(context);
  case Elem::f64: return llvm::Type::getDoubleTy(context);
  }
  return nullptr;
}

static bool is_float(Value *x) { return x->getType()->isFPOrFPVectorTy(); }
static bool is_signed(Value *x) { return x->getType()->getScalarSizeInBits() == 32; } // i32; bool and u8 are not

static Value *number(Value *like, double value) { return llvm::ConstantFP::get(like->getType(), value); }

/// From floats towards zero, NaN to 0, out of range to the nearest.
static Value *to_integer(llvm::IRBuilderBase &b, Value *x, llvm::Type *type, bool is_signed) {
  return b.CreateIntrinsic(is_signed ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat, {type, x->getType()}, {x});
}

Value *emit_convert(llvm::IRBuilderBase &b, Value *x, Elem to) {
  llvm::Type *type = x->getType()->getWithNewType(register_type(b.getContext(), to));
  if (type == x->getType()) return x;
  if (to == Elem::boolean) {
    Value *zero = llvm::Constant::getNullValue(x->getType());
    return is_float(x) ? b.CreateFCmpUNE(x, zero) : b.CreateICmpNE(x, zero);
  }
  if (ir::is_float(to)) {
    if (is_float(x)) return b.CreateFPCast(x, type);
    return is_signed(x) ? b.CreateSIToFP(x, type) : b.CreateUIToFP(x, type);
  }
  if (is_float(x)) return to_integer(b, x, type, to == Elem::i32);
  return b.CreateZExtOrTrunc(x, type);
}

/// One or the other of a and b; NaN where either is: `second` says when b is taken if neither is.
static Value *choose(llvm::IRBuilderBase &b, Value *x, Value *y, llvm::CmpInst::Predicate ordered,
                     llvm::CmpInst::Predicate integer) {
  if (!is_float(x)) return b.CreateSelect(b.CreateICmp(integer, y, x), y, x);
  auto never_nan = [](Value *v) {
    const llvm::APFloat *value;
    return llvm::PatternMatch::match(v, llvm::PatternMatch::m_APFloat(value)) && !value->isNaN();
  };
  if (never_nan(y)) return b.CreateSelect(b.CreateFCmp(ordered, y, x), y, x);
  if (never_nan(x)) return b.CreateSelect(b.CreateFCmp(llvm::FCmpInst::getUnorderedPredicate(ordered), y, x), y, x);
  return b.CreateSelect(b.CreateOr(b.CreateFCmp(ordered, y, x), b.CreateFCmpUNO(y, y)), y, x);
}

static Value *minimum(llvm::IRBuilderBase &b, Value *x, Value *y) {
  return choose(b, x, y, llvm::CmpInst::FCMP_OLT, is_signed(x) ? llvm::CmpInst::ICMP_SLT : llvm::CmpInst::ICMP_ULT);
}
static Value *maximum(llvm::IRBuilderBase &b, Value *x, Value *y) {
  return choose(b, x, y, llvm::CmpInst::FCMP_OGT, is_signed(x) ? llvm::CmpInst::ICMP_SGT : llvm::CmpInst::ICMP_UGT);
}

static Value *sign(llvm::IRBuilderBase &b, Value *x) {
  llvm::Type *type = x->getType();
  if (!is_float(x)) {
    Value *zero = llvm::Constant::getNullValue(type);
    return b.CreateSub(b.CreateZExt(b.CreateICmpSGT(x, zero), type), b.CreateZExt(b.CreateICmpSLT(x, zero), type));
  }
  Value *signed_one = b.CreateCopySign(number(x, 1), x);
  return b.CreateSelect(b.CreateFCmpONE(x, number(x, 0)), signed_one, x); // x itself where 0 or NaN
}

static Value *power(llvm::IRBuilderBase &b, const MathTarget &target, Value *x, Value *y) {
  const llvm::APFloat *exponent;
  llvm::APSInt whole(8, false);
  bool exact = false;
  if (llvm::PatternMatch::match(y, llvm::PatternMatch::m_APFloat(exponent)) &&
      exponent->convertToInteger(whole, llvm::APFloat::rmTowardZero, &exact) == llvm::APFloat::opOK && exact)
    if (int64_t n = whole.getExtValue(); n >= -8 && n <= 8) return emit_powi(b, x, static_cast<int>(n));
  return emit_math(b, target, MathFunction::Pow, x, y);
}

static Value *compare(llvm::IRBuilderBase &b, Op op, Value *x, Value *y) {
  using P = llvm::CmpInst::Predicate;
  bool is_less = op == Op::less || op == Op::less_equal;
  if (is_float(x))
    return b.CreateFCmp(op == Op::equal       ? P::FCMP_OEQ
                        : op == Op::not_equal ? P::FCMP_UNE
                        : op == Op::less      ? P::FCMP_OLT
                                              : P::FCMP_OLE,
                        x, y);
  if (!is_less) return b.CreateICmp(op == Op::equal ? P::ICMP_EQ : P::ICMP_NE, x, y);
  if (is_signed(x)) return b.CreateICmp(op == Op::less ? P::ICMP_SLT : P::ICMP_SLE, x, y);
  return b.CreateICmp(op == Op::less ? P::ICMP_ULT : P::ICMP_ULE, x, y);
}

/// x·y, and 0 where x is 0, whatever y is. Backward passes are chains of these: where time counts, no product waits for its comparison, nor for a sign
/// that the other factor can have.
static Value *zmul(llvm::IRBuilderBase &b, const MathTarget &target, Value *x, Value *y) {
  Value *zero = number(x, 0), *positive;
  if (target.branches && llvm::PatternMatch::match(x, llvm::PatternMatch::m_FNeg(llvm::PatternMatch::m_Value(positive))))
    x = positive, y = b.CreateFNeg(y);
  Value *result = b.CreateSelect(b.CreateFCmpOEQ(x, zero), zero, b.CreateFMul(x, y));
  if (auto *select = llvm::dyn_cast<llvm::SelectInst>(result); select && target.branches)
    select->setMetadata(llvm::LLVMContext::MD_prof, llvm::MDBuilder(b.getContext()).createBranchWeights(1, 1000));
  return result;
}

/// mix64 of ir/philox.h on i64 vectors.
static Value *mix64(llvm::IRBuilderBase &b, Value *z) {
  auto constant = [&](uint64_t value) { return llvm::ConstantInt::get(z->getType(), value); };
  auto step = [&](Value *x, int shift) { return b.CreateXor(x, b.CreateLShr(x, constant(shift))); };
  z = b.CreateMul(step(z, 30), constant(0xBF58476D1CE4E5B9u));
  z = b.CreateMul(step(z, 27), constant(0x94D049BB133111EBu));
  return step(z, 31);
}

/// Word number `word` of ir::philox for operands (seed_low, seed_high, step, row, turn, position) and an i64, the path.
static Value *random_bits(llvm::IRBuilderBase &b, int64_t word, llvm::ArrayRef<Value *> x) {
  llvm::Type *narrow = x[0]->getType(), *wide = narrow->getWithNewType(b.getInt64Ty());
  auto low = [&](Value *v) { return b.CreateTrunc(v, narrow); };
  auto high = [&](Value *v) { return b.CreateTrunc(b.CreateLShr(v, 32), narrow); };
  Value *seed = b.CreateOr(b.CreateShl(b.CreateZExt(x[1], wide), 32), b.CreateZExt(x[0], wide));
  Value *path = x[6];
  if (auto *vector = llvm::dyn_cast<llvm::VectorType>(wide)) path = b.CreateVectorSplat(vector->getElementCount(), path);
  Value *key = mix64(b, b.CreateXor(seed, path));
  Value *k0 = low(key), *k1 = high(key);
  std::array<Value *, 4> c = {x[2], x[3], x[4], x[5]};
  for (int round = 0; round < ir::philox_rounds; ++round) {
    Value *p0 = b.CreateMul(b.CreateZExt(c[0], wide), llvm::ConstantInt::get(wide, ir::philox_multipliers[0]));
    Value *p1 = b.CreateMul(b.CreateZExt(c[2], wide), llvm::ConstantInt::get(wide, ir::philox_multipliers[1]));
    c = {b.CreateXor(b.CreateXor(high(p1), c[1]), k0), low(p1), b.CreateXor(b.CreateXor(high(p0), c[3]), k1), low(p0)};
    k0 = b.CreateAdd(k0, llvm::ConstantInt::get(narrow, ir::philox_weyl[0]));
    k1 = b.CreateAdd(k1, llvm::ConstantInt::get(narrow, ir::philox_weyl[1]));
  }
  return c[word];
}

Value *emit_scalar(llvm::IRBuilderBase &b, const MathTarget &target, const Instruction &instruction,
                   llvm::ArrayRef<Value *> operands) {
  Value *x = operands.empty() ? nullptr : operands[0], *y = operands.size() > 1 ? operands[1] : nullptr;
  auto math = [&](MathFunction function) { return emit_math(b, target, function, x); };
  auto unary = [&](ID id) { return b.CreateUnaryIntrinsic(id, x); };
  switch (instruction.op) {
  case Op::convert: return emit_convert(b, x, instruction.elem);
  case Op::copy:
  case Op::stop_gradient:
  case Op::barrier: return x;
  case Op::neg: return is_float(x) ? b.CreateFNeg(x) : b.CreateNeg(x);
  case Op::abs:
    return is_float(x) ? unary(llvm::Intrinsic::fabs) : b.CreateBinaryIntrinsic(llvm::Intrinsic::abs, x, b.getFalse());
  case Op::sign: return sign(b, x);
  case Op::floor: return unary(llvm::Intrinsic::floor);
  case Op::ceil: return unary(llvm::Intrinsic::ceil);
  case Op::round: return unary(llvm::Intrinsic::roundeven);
  case Op::exp: return math(MathFunction::Exp);
  case Op::log: return math(MathFunction::Log);
  case Op::sqrt: return math(MathFunction::Sqrt);
  case Op::rsqrt: return math(MathFunction::Rsqrt);
  case Op::sin: return math(MathFunction::Sin);
  case Op::cos: return math(MathFunction::Cos);
  case Op::tan: return math(MathFunction::Tan);
  case Op::tanh: return math(MathFunction::Tanh);
  case Op::erf: return math(MathFunction::Erf);
  case Op::logical_not: return b.CreateNot(x);
  case Op::is_finite: return b.CreateFCmpOLT(unary(llvm::Intrinsic::fabs), number(x, std::numeric_limits<double>::infinity()));
  case Op::add: return is_float(x) ? b.CreateFAdd(x, y) : b.CreateAdd(x, y);
  case Op::sub: return is_float(x) ? b.CreateFSub(x, y) : b.CreateSub(x, y);
  case Op::mul: return is_float(x) ? b.CreateFMul(x, y) : b.CreateMul(x, y);
  case Op::zmul: return zmul(b, target, x, y);
  case Op::div: return b.CreateFDiv(x, y);
  case Op::pow: return power(b, target, x, y);
  case Op::min: return minimum(b, x, y);
  case Op::max: return maximum(b, x, y);
  case Op::equal:
  case Op::not_equal:
  case Op::less:
  case Op::less_equal: return compare(b, instruction.op, x, y);
  case Op::logical_and:
  case Op::bit_and: return b.CreateAnd(x, y);
  case Op::logical_or: return b.CreateOr(x, y);
  case Op::bit_xor: return b.CreateXor(x, y);
  case Op::shift_right: return b.CreateLShr(x, b.CreateAnd(y, llvm::ConstantInt::get(y->getType(), 31)));
  case Op::select: return b.CreateSelect(x, y, operands[2]);
  case Op::random_bits: return random_bits(b, instruction.random.word, operands);
  default: throw ir::InternalError(fmt::format("`{}` is no scalar operation", ir::record(instruction.op).name));
  }
}

Value *emit_fma(llvm::IRBuilderBase &b, const MathTarget &target, Value *x, Value *y, Value *sum) {
  if (!is_float(x)) return b.CreateAdd(b.CreateMul(x, y), sum);
  if (!target.fma) return b.CreateFAdd(b.CreateFMul(x, y), sum);
  return b.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, sum});
}

Value *emit_combine(llvm::IRBuilderBase &b, ir::ReduceKind kind, Value *left, Value *right) {
  switch (kind) {
  case ir::ReduceKind::add: return is_float(left) ? b.CreateFAdd(left, right) : b.CreateAdd(left, right);
  case ir::ReduceKind::mul: return is_float(left) ? b.CreateFMul(left, right) : b.CreateMul(left, right);
  case ir::ReduceKind::max: return maximum(b, left, right);
  case ir::ReduceKind::min: return minimum(b, left, right);
  }
  return nullptr;
}

llvm::Constant *reduce_identity(ir::ReduceKind kind, llvm::Type *type) {
  bool is_max = kind == ir::ReduceKind::max;
  if (kind == ir::ReduceKind::add) return llvm::Constant::getNullValue(type);
  if (type->isFPOrFPVectorTy())
    return kind == ir::ReduceKind::mul ? llvm::ConstantFP::get(type, 1.0) : llvm::ConstantFP::getInfinity(type, is_max);
  if (kind == ir::ReduceKind::mul) return llvm::ConstantInt::get(type, 1);
  unsigned bits = type->getScalarSizeInBits();
  if (bits != 32) return is_max ? llvm::Constant::getNullValue(type) : llvm::Constant::getAllOnesValue(type);
  return llvm::ConstantInt::get(type, is_max ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getSignedMaxValue(bits));
}

} // namespace nnc::codegen
