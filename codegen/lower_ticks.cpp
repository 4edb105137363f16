#include "codegen/lower_ticks.h"

#include "codegen/lower_blocks.h"

namespace nnc::codegen {

using llvm::Value;

static Value *now(llvm::IRBuilder<> &b) { return b.CreateIntrinsic(llvm::Intrinsic::readcyclecounter, {}, {}); }

Value *TickCounter::emit(llvm::IRBuilder<> &b, Value *ticks, Value *thread, size_t kernels) {
  const uint64_t row = (kernels + 1 + 7) / 8 * 8;
  is_asked_ = b.CreateIsNotNull(ticks);
  row_ = b.CreateGEP(b.getInt64Ty(), ticks, b.CreateMul(thread, b.getInt64(row)));
  before_ = emit_local(b, b.getInt64Ty());
  emit_when(b, is_asked_, [&] { b.CreateStore(now(b), before_); });
  return is_asked_;
}

void TickCounter::lap(llvm::IRBuilder<> &b, Value *counter) const {
  emit_when(b, is_asked_, [&] {
    Value *time = now(b), *place = b.CreateGEP(b.getInt64Ty(), row_, counter);
    Value *passed = b.CreateSub(time, b.CreateLoad(b.getInt64Ty(), before_));
    b.CreateStore(b.CreateAdd(b.CreateLoad(b.getInt64Ty(), place), passed), place);
    b.CreateStore(time, before_);
  });
}

} // namespace nnc::codegen
