// An entry: its kernels in order (Shares), each thread with its share, for every step of the call.

#include "codegen/lower.h"
#include "codegen/lower_blocks.h"
#include "codegen/lower_shares.h"

#include "runtime/module.h"

namespace nnc::codegen {

using llvm::Value;

void lower_kernel(llvm::Module &module, const Processor &target, const KernelForm &form) {
  KernelFunction f(module, target, form);
  if (!form.steps.empty())
    lower_steps(f);
  else if (form.kernel.contraction)
    lower_contraction(f);
  else if (form.kernel.ordering)
    lower_ordering(f);
  else if (form.kernel.packing)
    lower_packing(f);
  else
    lower_nest(f);
  f.finish();
}

namespace {

class EntryFunction {
public:
  EntryFunction(llvm::Module &, const Processor &, const Entry &, const std::vector<KernelForm> &,
                const std::vector<KernelCall> &);
  void emit();

private:
  llvm::BasicBlock *block() { return llvm::BasicBlock::Create(b_.getContext(), "", function_); }
  Value *field(size_t offset, llvm::Type *);
  Value *slot(size_t offset);
  void barrier();
  template <typename Body> void when(Value *condition, Body &&body) { emit_when(b_, condition, body); }
  void run(Value *turn, bool is_alone) { shares_.run(b_, places_, team_, turn, is_alone); }
  void steps_alone();
  void steps_together();
  Value *is_stopped();
  Value *costs_are_finite(Value *turn);

  const Entry &entry_;
  llvm::IRBuilder<> b_;
  llvm::Function *function_ = nullptr;
  Value *call_, *thread_, *threads_;
  Places places_;
  Shares shares_;
  Shares::Team team_{};
  TickCounter ticks_;
};

EntryFunction::EntryFunction(llvm::Module &module, const Processor &target, const Entry &entry,
                             const std::vector<KernelForm> &forms, const std::vector<KernelCall> &calls)
    : entry_(entry), b_(module.getContext()), places_(module, entry, calls), shares_(module, target, entry, forms, calls) {
  llvm::Type *i32 = b_.getInt32Ty();
  function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), i32, i32}, false),
                                     llvm::GlobalValue::ExternalLinkage, "nnc_" + entry.name, module);
  function_->addFnAttr("target-cpu", target.cpu);
  if (!target.features.empty()) function_->addFnAttr("target-features", target.features);
  call_ = function_->getArg(0), thread_ = function_->getArg(1), threads_ = function_->getArg(2);
  team_.call = call_;
  team_.meet = module.getOrInsertFunction("nnc_barrier", b_.getVoidTy(), b_.getPtrTy());
}

Value *EntryFunction::slot(size_t offset) { return b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), call_, offset); }
Value *EntryFunction::field(size_t offset, llvm::Type *type) { return b_.CreateLoad(type, slot(offset)); }

/// Whether the caller asks to stop.
Value *EntryFunction::is_stopped() {
  auto *stop = b_.CreateAlignedLoad(b_.getInt32Ty(), field(offsetof(nnc_call, stop), b_.getPtrTy()), llvm::Align(4), true);
  stop->setAtomic(llvm::AtomicOrdering::Monotonic);
  return b_.CreateICmpNE(stop, b_.getInt32(0));
}

void EntryFunction::barrier() {
  when(b_.CreateICmpSGT(team_.threads, b_.getInt64(1)), [&] { b_.CreateCall(team_.meet, {team_.handle}); });
}

Value *EntryFunction::costs_are_finite(Value *turn) {
  llvm::Type *f64 = b_.getDoubleTy();
  Value *costs = field(offsetof(nnc_call, costs), b_.getPtrTy()), *all = b_.getTrue();
  for (int clause = 0; clause < entry_.costs; ++clause) {
    Value *number = b_.CreateAdd(b_.CreateMul(turn, b_.getInt64(entry_.costs)), b_.getInt64(clause));
    Value *cost = b_.CreateLoad(f64, b_.CreateInBoundsGEP(f64, costs, number));
    all = b_.CreateAnd(all, b_.CreateFCmpORD(b_.CreateFSub(cost, cost), llvm::ConstantFP::get(f64, 0)));
  }
  return all;
}

/// for (turn = 0; turn < steps && !stopped; ++turn) run(turn), ended by a cost that is not finite.
void EntryFunction::steps_alone() {
  llvm::Type *i64 = b_.getInt64Ty();
  Value *steps = field(offsetof(nnc_call, steps), i64);
  llvm::BasicBlock *before = b_.GetInsertBlock(), *head = block(), *body = block(), *after = block();
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  llvm::PHINode *turn = b_.CreatePHI(i64, 2), *goes_on = b_.CreatePHI(b_.getInt1Ty(), 2);
  turn->addIncoming(b_.getInt64(0), before), goes_on->addIncoming(b_.getTrue(), before);
  Value *goes = b_.CreateAnd(b_.CreateAnd(goes_on, b_.CreateICmpSLT(turn, steps)), b_.CreateNot(is_stopped()));
  b_.CreateCondBr(goes, body, after);
  b_.SetInsertPoint(body);
  run(turn, true);
  turn->addIncoming(b_.CreateAdd(turn, b_.getInt64(1)), b_.GetInsertBlock());
  goes_on->addIncoming(costs_are_finite(turn), b_.GetInsertBlock());
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
  b_.CreateStore(turn, slot(offsetof(nnc_call, done)));
}

/// The same for a team, or with ticks counted. Thread 0 looks at `stop` and tells the others in `done` before the barrier that ends a step:
/// the number of steps finished, its bits inverted to stop. It may go on and tell of the next step before the others have looked, but
/// only if it did not stop.
void EntryFunction::steps_together() {
  llvm::Type *i64 = b_.getInt64Ty();
  Value *steps = field(offsetof(nnc_call, steps), i64), *done = slot(offsetof(nnc_call, done));
  Value *is_first = b_.CreateICmpEQ(thread_, b_.getInt32(0));
  llvm::BasicBlock *before = b_.GetInsertBlock(), *head = block(), *body = block(), *after = block();
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  llvm::PHINode *turn = b_.CreatePHI(i64, 2);
  turn->addIncoming(b_.getInt64(0), before);
  Value *inverted = b_.CreateNot(turn);
  when(is_first, [&] { b_.CreateStore(b_.CreateSelect(is_stopped(), inverted, turn), done); });
  barrier();
  Value *told = b_.CreateLoad(i64, done);
  Value *previous = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, b_.CreateSub(turn, b_.getInt64(1)), b_.getInt64(0));
  Value *is_finite = b_.CreateOr(b_.CreateICmpEQ(turn, b_.getInt64(0)), costs_are_finite(previous));
  Value *goes = b_.CreateAnd(b_.CreateAnd(is_finite, b_.CreateICmpSLT(turn, steps)), b_.CreateICmpNE(told, inverted));
  ticks_.lap(b_, b_.getInt64(entry_.kernels.size()));
  b_.CreateCondBr(goes, body, after);
  b_.SetInsertPoint(body);
  run(turn, false);
  turn->addIncoming(b_.CreateAdd(turn, b_.getInt64(1)), b_.GetInsertBlock());
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
  barrier(); // all have looked
  when(is_first, [&] { b_.CreateStore(turn, done); });
}

void EntryFunction::emit() {
  llvm::Type *i64 = b_.getInt64Ty();
  b_.SetInsertPoint(block());
  team_.examples = field(offsetof(nnc_call, batch), i64);
  Value *any_shared = shares_.any_shared(b_, team_.examples), *is_first = b_.CreateICmpEQ(thread_, b_.getInt32(0));
  when(is_first,
       [&] { b_.CreateStore(b_.CreateZExt(b_.CreateNot(any_shared), b_.getInt32Ty()), slot(offsetof(nnc_call, alone))); });
  Value *together = b_.CreateAnd(any_shared, b_.CreateICmpSGT(threads_, b_.getInt32(1)));
  if (entry_.steps) together = b_.CreateAnd(together, b_.CreateICmpSGT(field(offsetof(nnc_call, steps), i64), b_.getInt64(0)));
  when(b_.CreateOr(together, is_first), [&] {
    team_.thread = b_.CreateSExt(thread_, i64);
    team_.threads = b_.CreateSelect(together, b_.CreateSExt(threads_, i64), b_.getInt64(1));
    team_.handle = field(offsetof(nnc_call, team), b_.getPtrTy());
    places_.emit(b_, call_, team_.examples);
    shares_.emit(b_, places_, team_);
    if (!entry_.steps) return run(b_.getInt64(0), false);
    Value *counts = ticks_.emit(b_, field(offsetof(nnc_call, ticks), b_.getPtrTy()), team_.thread, entry_.kernels.size());
    team_.ticks = &ticks_;
    Value *is_plain = b_.CreateNot(b_.CreateOr(together, counts));
    when(is_plain, [&] { steps_alone(); });
    when(b_.CreateNot(is_plain), [&] { steps_together(); });
  });
  b_.CreateRetVoid();
}

} // namespace

void lower_entry(llvm::Module &module, const Processor &target, const Entry &entry, const std::vector<KernelForm> &forms,
                 const std::vector<KernelCall> &calls) {
  EntryFunction(module, target, entry, forms, calls).emit();
}

} // namespace nnc::codegen
