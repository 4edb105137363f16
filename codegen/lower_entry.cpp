// An entry: its kernels in order, each thread with its share, for every step of the call.
//
// A kernel whose work is small runs on thread 0 alone. A barrier stands before a kernel only if one that the plan asked for is due since the
// last and another thread has or had a part: between kernels of thread 0 alone the program's order is enough.

#include "codegen/contraction_plan.h"
#include "codegen/lower.h"

#include "runtime/module.h"

#include <functional>

namespace nnc::codegen {

using llvm::Value;

llvm::Function *lower_kernel(llvm::Module &module, const Processor &target, const Entry &entry, const Kernel &kernel,
                             const std::vector<Value *> &constants, Sharing &sharing) {
  Kernel turned;
  bool turns = kernel.contraction && is_better_turned(kernel, target);
  if (turns) turned = turn_contraction(kernel);
  KernelFunction f(module, target, entry, turns ? turned : kernel, constants);
  if (kernel.contraction)
    lower_contraction(f, sharing);
  else if (kernel.ordering)
    lower_ordering(f, sharing);
  else
    lower_nest(f, sharing);
  f.finish();
  return f.function;
}

namespace {

class EntryFunction {
public:
  EntryFunction(llvm::Module &, const Processor &, const Entry &);
  void emit();

private:
  struct Part {
    llvm::Function *function;
    bool barrier_before;
    Sharing sharing;
    Value *extent = nullptr;
    Value *is_shared = nullptr; // i1: each thread has a share; else thread 0 has all
    Value *meets = nullptr;     // i1: a barrier stands before it
  };

  void add_constants(llvm::Module &);
  llvm::BasicBlock *block() { return llvm::BasicBlock::Create(b_.getContext(), "", function_); }
  Value *field(size_t offset, llvm::Type *);
  Value *slot(size_t offset);
  Value *size(const Size &);
  void plan();
  void run_alone(Value *turn);
  void run_share(Value *turn);
  void barrier() { b_.CreateCall(barrier_, {team_}); }
  template <typename Run> void steps_alone(Run &&);
  template <typename Run> void steps_together(Run &&);
  Value *is_stopped();
  Value *costs_are_finite(Value *turn);
  void when(Value *condition, const std::function<void()> &body);

  const Entry &entry_;
  llvm::IRBuilder<> b_;
  llvm::Function *function_ = nullptr;
  Value *call_, *thread_, *threads_, *examples_, *team_ = nullptr;
  llvm::FunctionCallee barrier_;
  std::vector<Value *> constants_;
  std::vector<Part> parts_;
  double least_shared_work_;
};

EntryFunction::EntryFunction(llvm::Module &module, const Processor &target, const Entry &entry)
    : entry_(entry), b_(module.getContext()), least_shared_work_(target.least_shared_work) {
  add_constants(module);
  for (const Kernel &kernel : entry.kernels) {
    Part part{nullptr, kernel.barrier_before, {}};
    part.function = lower_kernel(module, target, entry, kernel, constants_, part.sharing);
    parts_.push_back(std::move(part));
  }
  llvm::Type *i32 = b_.getInt32Ty();
  function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), i32, i32}, false),
                                     llvm::GlobalValue::ExternalLinkage, "nnc_" + entry.name, module);
  function_->addFnAttr("target-cpu", target.cpu);
  if (!target.features.empty()) function_->addFnAttr("target-features", target.features);
  barrier_ = module.getOrInsertFunction("nnc_barrier", b_.getVoidTy(), b_.getPtrTy());
  call_ = function_->getArg(0), thread_ = function_->getArg(1), threads_ = function_->getArg(2);
}

/// The values in the element that they are stored in.
static llvm::Constant *constant_array(llvm::LLVMContext &context, const std::vector<double> &values, ir::Elem elem) {
  auto array = [&](auto zero) {
    std::vector<decltype(zero)> typed;
    for (double value : values) typed.push_back(static_cast<decltype(zero)>(value));
    return llvm::ConstantDataArray::get(context, typed);
  };
  switch (elem) {
  case ir::Elem::boolean:
  case ir::Elem::u8: return array(uint8_t{});
  case ir::Elem::i32: return array(int32_t{});
  case ir::Elem::f32: return array(float{});
  case ir::Elem::f64: return array(double{});
  }
  return nullptr;
}

void EntryFunction::add_constants(llvm::Module &module) {
  for (size_t number = 0; number < entry_.constants.size(); ++number) {
    ir::Elem elem = ir::Elem::f64; // that of the buffers that read it
    for (const Buffer &buffer : entry_.buffers)
      if (buffer.space == Space::constant && buffer.number == static_cast<int>(number)) elem = buffer.elem;
    llvm::Constant *data = constant_array(b_.getContext(), entry_.constants[number], elem);
    auto *global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
    global->setAlignment(llvm::Align(64));
    constants_.push_back(global);
  }
}

Value *EntryFunction::slot(size_t offset) { return b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), call_, offset); }
Value *EntryFunction::field(size_t offset, llvm::Type *type) { return b_.CreateLoad(type, slot(offset)); }

Value *EntryFunction::size(const Size &size) {
  Value *value = b_.CreateAdd(b_.CreateMul(examples_, b_.getInt64(size.c[2])), b_.getInt64(size.c[1]));
  return b_.CreateAdd(b_.CreateMul(examples_, value), b_.getInt64(size.c[0]));
}

void EntryFunction::when(Value *condition, const std::function<void()> &body) {
  llvm::BasicBlock *then = block(), *after = block();
  b_.CreateCondBr(condition, then, after);
  b_.SetInsertPoint(then);
  body();
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

/// Which kernels are shared and where threads meet; the same for every step of a call, as each step ends with a barrier.
void EntryFunction::plan() {
  Value *due = b_.getFalse(), *others = b_.getFalse(); // since the last barrier: one was due; another thread had a part
  for (Part &part : parts_) {
    part.extent = size(part.sharing.extent);
    Value *work = llvm::ConstantFP::get(b_.getDoubleTy(), part.sharing.work);
    for (const Size &extent : part.sharing.points) work = b_.CreateFMul(work, b_.CreateSIToFP(size(extent), b_.getDoubleTy()));
    part.is_shared = b_.CreateFCmpOGE(work, llvm::ConstantFP::get(b_.getDoubleTy(), least_shared_work_));
    if (part.barrier_before) due = b_.getTrue();
    part.meets = b_.CreateAnd(due, b_.CreateOr(others, part.is_shared));
    due = b_.CreateAnd(due, b_.CreateNot(part.meets));
    others = b_.CreateOr(b_.CreateAnd(others, b_.CreateNot(part.meets)), part.is_shared);
  }
}

void EntryFunction::run_alone(Value *turn) {
  for (const Part &part : parts_) b_.CreateCall(part.function, {call_, examples_, turn, b_.getInt64(0), part.extent});
}

void EntryFunction::run_share(Value *turn) {
  llvm::Type *i64 = b_.getInt64Ty();
  Value *thread = b_.CreateSExt(thread_, i64), *threads = b_.CreateSExt(threads_, i64);
  Value *is_first = b_.CreateICmpEQ(thread_, b_.getInt32(0));
  for (const Part &part : parts_) {
    when(part.meets, [&] { barrier(); });
    when(b_.CreateOr(part.is_shared, is_first), [&] {
      Value *granule = b_.getInt64(part.sharing.granule);
      Value *granules = b_.CreateSDiv(b_.CreateAdd(part.extent, b_.getInt64(part.sharing.granule - 1)), granule);
      auto bound = [&](Value *number) {
        Value *at = b_.CreateMul(b_.CreateSDiv(b_.CreateMul(granules, number), threads), granule);
        return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at, part.extent);
      };
      Value *first = b_.CreateSelect(part.is_shared, bound(thread), b_.getInt64(0));
      Value *last = b_.CreateSelect(part.is_shared, bound(b_.CreateAdd(thread, b_.getInt64(1))), part.extent);
      b_.CreateCall(part.function, {call_, examples_, turn, first, last});
    });
  }
}

/// Whether the caller asks to stop.
Value *EntryFunction::is_stopped() {
  auto *stop = b_.CreateAlignedLoad(b_.getInt32Ty(), field(offsetof(nnc_call, stop), b_.getPtrTy()), llvm::Align(4), true);
  stop->setAtomic(llvm::AtomicOrdering::Monotonic);
  return b_.CreateICmpNE(stop, b_.getInt32(0));
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
template <typename Run> void EntryFunction::steps_alone(Run &&run) {
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
  run(turn);
  turn->addIncoming(b_.CreateAdd(turn, b_.getInt64(1)), b_.GetInsertBlock());
  goes_on->addIncoming(costs_are_finite(turn), b_.GetInsertBlock());
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
  b_.CreateStore(turn, slot(offsetof(nnc_call, done)));
}

/// The same for a team, with at least one step. Thread 0 looks at `stop` and tells the others in `done` before the barrier that ends a step:
/// the number of steps finished, its bits inverted to stop. It may go on and tell of the next step before the others have looked, but
/// only if it did not stop.
template <typename Run> void EntryFunction::steps_together(Run &&run) {
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
  b_.CreateCondBr(goes, body, after);
  b_.SetInsertPoint(body);
  run(turn);
  turn->addIncoming(b_.CreateAdd(turn, b_.getInt64(1)), b_.GetInsertBlock());
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
  barrier(); // all have looked
  when(is_first, [&] { b_.CreateStore(turn, done); });
}

void EntryFunction::emit() {
  b_.SetInsertPoint(block());
  examples_ = field(offsetof(nnc_call, batch), b_.getInt64Ty());
  team_ = field(offsetof(nnc_call, team), b_.getPtrTy());
  plan();
  Value *any_shared = b_.getFalse();
  for (const Part &part : parts_) any_shared = b_.CreateOr(any_shared, part.is_shared);
  when(b_.CreateICmpEQ(thread_, b_.getInt32(0)),
       [&] { b_.CreateStore(b_.CreateZExt(b_.CreateNot(any_shared), b_.getInt32Ty()), slot(offsetof(nnc_call, alone))); });
  Value *together = b_.CreateAnd(any_shared, b_.CreateICmpSGT(threads_, b_.getInt32(1)));
  if (entry_.steps)
    together = b_.CreateAnd(together, b_.CreateICmpSGT(field(offsetof(nnc_call, steps), b_.getInt64Ty()), b_.getInt64(0)));
  auto *team = block(), *alone = block(), *first = block(), *end = block();
  b_.CreateCondBr(together, team, alone);

  b_.SetInsertPoint(alone);
  b_.CreateCondBr(b_.CreateICmpEQ(thread_, b_.getInt32(0)), first, end);
  b_.SetInsertPoint(first);
  if (entry_.steps)
    steps_alone([&](Value *turn) { run_alone(turn); });
  else
    run_alone(b_.getInt64(0));
  b_.CreateBr(end);

  b_.SetInsertPoint(team);
  if (entry_.steps)
    steps_together([&](Value *turn) { run_share(turn); });
  else
    run_share(b_.getInt64(0));
  b_.CreateBr(end);
  b_.SetInsertPoint(end);
  b_.CreateRetVoid();
}

} // namespace

void lower_entry(llvm::Module &module, const Processor &target, const Entry &entry) {
  EntryFunction(module, target, entry).emit();
}

} // namespace nnc::codegen
