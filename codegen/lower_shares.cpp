#include "codegen/lower_shares.h"

#include "codegen/lower.h"
#include "codegen/lower_blocks.h"

#include <algorithm>

namespace nnc::codegen {

using llvm::Value;

/// The least number of examples with which a kernel has `least` work; work grows with them. INT64_MAX: no number that a call could have.
static int64_t least_examples(const Sharing &sharing, double least) {
  auto is_enough = [&](int64_t examples) {
    double b = static_cast<double>(examples), work = sharing.work;
    for (const Size &size : sharing.points)
      work *= static_cast<double>(size.c[0]) + b * (static_cast<double>(size.c[1]) + b * static_cast<double>(size.c[2]));
    return work >= least;
  };
  int64_t low = 0, high = int64_t{1} << 40;
  if (!is_enough(high)) return INT64_MAX;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    is_enough(middle) ? high = middle : low = middle + 1;
  }
  return low;
}

Shares::Shares(llvm::Module &module, const Processor &target, const Entry &entry, const std::vector<KernelForm> &forms,
               const std::vector<KernelCall> &calls)
    : module_(module), entry_(entry) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *i64 = llvm::Type::getInt64Ty(context), *pointer = llvm::PointerType::get(context, 0);
  std::vector<llvm::Type *> types(columns, i64);
  types[function] = pointer;
  row_ = llvm::StructType::get(context, types);
  share_ = llvm::StructType::get(context, {pointer, pointer, i64, i64, i64, i64});
  // Where a loop begins, each kernel of the turn before may have been shared.
  std::vector<int64_t> shared_from, loop_from(calls.size(), never), begins_loop(calls.size(), 0);
  for (const KernelCall &call : calls) shared_from.push_back(least_examples(call.sharing, target.least_shared_work));
  for (const TurnLoop &loop : entry.loops)
    if (loop.first < loop.last) begins_loop[loop.first] = 1;
  for (const TurnLoop &loop : entry.loops)
    for (int kernel = loop.first; kernel < loop.last; ++kernel)
      loop_from[loop.first] = std::min(loop_from[loop.first], shared_from[kernel]);
  size_t first_place = 0;
  for (size_t kernel = 0; kernel < calls.size(); ++kernel) {
    const Sharing &sharing = calls[kernel].sharing;
    int64_t from = shared_from[kernel];
    least_ = std::min(least_, from);
    functions_.push_back(kernel_function(module, forms[calls[kernel].form].kernel.name));
    kernel_ = functions_.back()->getFunctionType();
    std::vector<llvm::Constant *> row = {functions_.back()};
    const Size &size = sharing.extent;
    for (int64_t value : {static_cast<int64_t>(first_place), int64_t{entry.kernels[kernel].barrier_before}, from,
                          begins_loop[kernel], loop_from[kernel], size.c[0], size.c[1], size.c[2], sharing.granule})
      row.push_back(llvm::ConstantInt::get(i64, static_cast<uint64_t>(value)));
    rows_.push_back(llvm::ConstantStruct::get(row_, row));
    first_place += calls[kernel].buffers.size() + calls[kernel].numbers.size();
  }
}

Value *Shares::any_shared(llvm::IRBuilder<> &b, Value *examples) const { return b.CreateICmpSGE(examples, b.getInt64(least_)); }

/// A kernel whose work is small runs on thread 0 alone. A barrier stands before a kernel only if one that the plan asked for is due since the
/// last and another thread has or had a part: between kernels of thread 0 alone the program's order is enough. It is the same for every
/// step of a call, as each step ends with a barrier.
void Shares::emit(llvm::IRBuilder<> &b, const Places &places_of, const Team &team) {
  if (rows_.empty()) return;
  auto *type = llvm::ArrayType::get(row_, rows_.size());
  auto *table =
      new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::PrivateLinkage, llvm::ConstantArray::get(type, rows_));
  list_ = emit_local(b, share_, rows_.size());
  // Since the last barrier: one was due; another thread had a part.
  Value *due = emit_local(b, b.getInt1Ty()), *others = emit_local(b, b.getInt1Ty());
  b.CreateStore(b.getFalse(), due), b.CreateStore(b.getFalse(), others);
  Value *is_team = b.CreateICmpSGT(team.threads, b.getInt64(1)), *is_first = b.CreateICmpEQ(team.thread, b.getInt64(0));
  emit_each(b, rows_.size(), [&](Value *kernel) {
    Value *row = b.CreateInBoundsGEP(row_, table, kernel), *share = b.CreateInBoundsGEP(share_, list_, kernel);
    auto column = [&](int number) -> Value * {
      return b.CreateLoad(row_->getElementType(number), b.CreateStructGEP(row_, row, number));
    };
    auto set = [&](Field field, Value *value) { b.CreateStore(value, b.CreateStructGEP(share_, share, field)); };
    set(code, column(function));
    set(place, places_of.at(b, column(places)));

    Value *size = b.CreateAdd(b.CreateMul(team.examples, column(extent + 2)), column(extent + 1));
    size = b.CreateAdd(b.CreateMul(team.examples, size), column(extent));
    Value *is_shared = b.CreateICmpSGE(team.examples, column(shared_from));
    set(first, b.getInt64(0));
    set(last, b.CreateSelect(is_first, size, b.getInt64(0)));
    emit_when(b, b.CreateAnd(is_shared, is_team), [&] {
      Value *step = column(granule);
      Value *granules = b.CreateSDiv(b.CreateAdd(size, b.CreateSub(step, b.getInt64(1))), step);
      auto bound = [&](Value *number) {
        Value *at = b.CreateMul(b.CreateSDiv(b.CreateMul(granules, number), team.threads), step);
        return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at, size);
      };
      set(first, bound(team.thread));
      set(last, bound(b.CreateAdd(team.thread, b.getInt64(1))));
    });
    Value *is_due_now = b.CreateOr(b.CreateLoad(b.getInt1Ty(), due), b.CreateICmpNE(column(is_due), b.getInt64(0)));
    // Whoever had a part before a loop is met in front of it, once for all turns.
    Value *before = b.CreateLoad(b.getInt1Ty(), others);
    Value *enter = b.CreateAnd(before, b.CreateICmpNE(column(begins), b.getInt64(0)));
    set(enters, b.CreateZExt(b.CreateAnd(enter, is_team), b.getInt64Ty()));
    Value *had_part = b.CreateAnd(before, b.CreateNot(enter));
    had_part = b.CreateOr(had_part, b.CreateICmpSGE(team.examples, column(loop_from)));
    Value *meet = b.CreateAnd(is_due_now, b.CreateOr(had_part, is_shared));
    set(meets, b.CreateZExt(b.CreateAnd(meet, is_team), b.getInt64Ty()));
    b.CreateStore(b.CreateAnd(is_due_now, b.CreateNot(meet)), due);
    b.CreateStore(b.CreateOr(b.CreateAnd(had_part, b.CreateNot(meet)), is_shared), others);
  });
}

/// The steps of a small network are over in less than a microsecond: on one thread its calls stand one after the other, each of a function that
/// is known. An entry without steps takes its kernels from the list always: it is called once for many, and its code is short.
static constexpr size_t longest_unrolled = 32;

void Shares::run(llvm::IRBuilder<> &b, const Places &places, const Team &team, Value *turn, bool is_alone) const {
  auto get = [&](Value *kernel, Field field) -> Value * {
    Value *share = b.CreateInBoundsGEP(share_, list_, kernel);
    return b.CreateLoad(share_->getElementType(field), b.CreateStructGEP(share_, share, field));
  };
  auto meet = [&](Value *kernel, Field field) {
    if (is_alone) return;
    emit_when(b, b.CreateICmpNE(get(kernel, field), b.getInt64(0)), [&] {
      b.CreateCall(team.meet, {team.handle});
      if (team.ticks) team.ticks->lap(b, b.getInt64(functions_.size()));
    });
  };
  auto call = [&](Value *kernel, llvm::Function *known) {
    meet(kernel, meets);
    Value *from = get(kernel, first), *to = get(kernel, last);
    emit_when(b, b.CreateICmpSLT(from, to), [&] {
      b.CreateCall(kernel_, known ? known : get(kernel, code), {team.call, get(kernel, place), team.examples, turn, from, to});
    });
    if (team.ticks && !is_alone) team.ticks->lap(b, kernel);
  };
  auto stretch = [&](int from, int to) {
    if (!is_alone || !entry_.steps || to - from > static_cast<int>(longest_unrolled))
      return emit_each(b, to - from, [&](Value *number) { call(b.CreateAdd(number, b.getInt64(from)), nullptr); });
    for (int kernel = from; kernel < to; ++kernel) call(b.getInt64(kernel), functions_[kernel]);
  };
  auto enter = [&](int kernel) { meet(b.getInt64(kernel), enters); };
  run(b, places, {stretch, enter}, 0, static_cast<int>(functions_.size()), -1);
}

/// The kernels [first, last): stretches of them, and loops.
void Shares::run(llvm::IRBuilder<> &b, const Places &places, const Actions &actions, int first, int last, int around) const {
  int from = first;
  auto flush = [&](int to) {
    if (from < to) actions.stretch(from, to);
  };
  walk_kernels(
      entry_, first, last, around, [](int) {},
      [&](int number) {
        const TurnLoop &loop = entry_.loops[number];
        flush(loop.first);
        if (around < 0 || entry_.loops[around].first < loop.first) actions.enter(loop.first);
        emit_each(b, static_cast<uint64_t>(loop.turns), [&](Value *) {
          run(b, places, actions, loop.first, loop.last, number);
          places.move(b, number, 1);
        });
        places.move(b, number, -loop.turns);
        from = loop.last;
      });
  flush(last);
}

} // namespace nnc::codegen
