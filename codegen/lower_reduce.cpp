// Reductions of a stage. Along inner lanes each lane of each vector of the block has a partial result of its own, so the partial
// results depend on the extents only; they are combined by halves.

#include "codegen/lower.h"

#include "ir/builder.h"

#include <numeric>

namespace nnc::codegen {

using ir::ReduceKind;
using llvm::Value;

Reductions::Reductions(KernelFunction &f, const Stage &stage, int width, int vectors, bool across_lanes)
    : f_(f), stage_(stage), width_(width), vectors_(vectors) {
  for (ValueId id : stage.code) {
    const Instruction &i = f.kernel.values[id];
    if (i.code != Code::reduce && i.code != Code::argreduce) continue;
    ir::Elem elem = f.kernel.values[i.operands[0]].elem;
    llvm::Type *type = vector_of(register_type(f.context(), elem), width), *i32 = f.b.getInt32Ty();
    Running running;
    for (int v = 0; v < vectors; ++v) {
      running.best.push_back(f.local(type));
      f.b.CreateStore(reduce_identity(i.reduce, type), running.best[v]);
      if (i.code == Code::reduce) continue;
      // A lane that never sees an element keeps a number that is past the end or stands for an equal first element.
      running.index.push_back(f.local(vector_of(i32, width)));
      Value *first =
          across_lanes ? counting(i32, width, int64_t{v} * width) : llvm::Constant::getNullValue(vector_of(i32, width));
      f.b.CreateStore(first, running.index[v]);
    }
    running_[id] = std::move(running);
  }
}

/// Whether x is strictly better than y; a NaN is better than any number.
static Value *better(KernelFunction &f, ReduceKind kind, Value *x, Value *y) {
  bool is_max = kind == ReduceKind::max;
  if (!x->getType()->isFPOrFPVectorTy()) return is_max ? f.b.CreateICmpSGT(x, y) : f.b.CreateICmpSLT(x, y);
  Value *ordered = is_max ? f.b.CreateFCmpOGT(x, y) : f.b.CreateFCmpOLT(x, y);
  return f.b.CreateOr(ordered, f.b.CreateAnd(f.b.CreateFCmpUNO(x, x), f.b.CreateFCmpORD(y, y)));
}

Value *Reductions::linear_index(const Block &block, int vector) {
  size_t outer = f_.kernel.axes.size();
  Value *index = f_.integer(0);
  for (size_t axis = 0; axis < stage_.axes.size(); ++axis)
    index = f_.b.CreateAdd(f_.b.CreateMul(index, f_.size(stage_.axes[axis])), block.axes[outer + axis]);
  llvm::Type *i32 = f_.b.getInt32Ty();
  Value *first = f_.b.CreateTrunc(index, i32);
  if (width_ == 1) return first;
  Value *all = f_.b.CreateVectorSplat(width_, first);
  bool along = block.lane_axis >= static_cast<int>(outer);
  return along ? f_.b.CreateAdd(all, counting(i32, width_, int64_t{vector} * width_)) : all;
}

void Reductions::add(ValueId id, const Block &block, const Computations &values) {
  const Instruction &i = f_.kernel.values[id];
  Running &running = running_.at(id);
  Computed x = spread(f_, values[i.operands[0]], block), y;
  if (i.operands.size() > 1) y = spread(f_, values[i.operands[1]], block);
  bool along = block.lane_axis >= static_cast<int>(f_.kernel.axes.size());
  for (int v = 0; v < block.vectors; ++v) {
    Value *memory = running.best[v],
          *old = f_.b.CreateLoad(vector_of(register_type(f_.context(), f_.kernel.values[i.operands[0]].elem), width_), memory);
    Value *mask = along ? block.masks[v] : nullptr;
    auto masked = [&](Value *fresh, Value *before) { return mask ? f_.b.CreateSelect(mask, fresh, before) : fresh; };
    if (i.code == Code::reduce) {
      Value *fresh = i.operands.size() > 1 ? emit_fma(f_.b, f_.math(), x.parts[v], y.parts[v], old)
                                           : emit_combine(f_.b, i.reduce, old, x.parts[v]);
      f_.b.CreateStore(masked(fresh, old), memory);
      continue;
    }
    Value *wins = better(f_, i.reduce, x.parts[v], old);
    if (mask) wins = f_.b.CreateAnd(wins, mask);
    Value *index = f_.b.CreateLoad(vector_of(f_.b.getInt32Ty(), width_), running.index[v]);
    f_.b.CreateStore(f_.b.CreateSelect(wins, x.parts[v], old), memory);
    f_.b.CreateStore(f_.b.CreateSelect(wins, linear_index(block, v), index), running.index[v]);
  }
}

/// Combines the vectors pairwise, then the halves of the last one, down to a scalar.
Value *Reductions::across(ValueId id, const Running &running, int count) {
  const Instruction &i = f_.kernel.values[id];
  bool is_argument = i.code == Code::argreduce;
  using Pair = std::pair<Value *, Value *>; // value and index
  auto combine = [&](Pair l, Pair r) -> Pair {
    if (!is_argument) return {emit_combine(f_.b, i.reduce, l.first, r.first), nullptr};
    Value *is_tie = f_.b.CreateNot(f_.b.CreateOr(better(f_, i.reduce, l.first, r.first), better(f_, i.reduce, r.first, l.first)));
    Value *earlier = f_.b.CreateAnd(is_tie, f_.b.CreateICmpSLT(r.second, l.second));
    Value *right = f_.b.CreateOr(better(f_, i.reduce, r.first, l.first), earlier);
    return {f_.b.CreateSelect(right, r.first, l.first), f_.b.CreateSelect(right, r.second, l.second)};
  };
  auto half = [&](Value *x, int first, int n) -> Value * {
    if (!x) return nullptr;
    if (n == 1) return f_.b.CreateExtractElement(x, uint64_t(first));
    std::vector<int> lanes(n);
    std::iota(lanes.begin(), lanes.end(), first);
    return f_.b.CreateShuffleVector(x, lanes);
  };
  llvm::Type *type = vector_of(register_type(f_.context(), f_.kernel.values[i.operands[0]].elem), width_);
  std::vector<Pair> parts;
  for (int v = 0; v < count; ++v)
    parts.emplace_back(f_.b.CreateLoad(type, running.best[v]),
                       is_argument ? f_.b.CreateLoad(vector_of(f_.b.getInt32Ty(), width_), running.index[v]) : nullptr);
  for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2))
    for (size_t k = 0; k < (parts.size() + 1) / 2; ++k)
      parts[k] = 2 * k + 1 < parts.size() ? combine(parts[2 * k], parts[2 * k + 1]) : parts[2 * k];
  Pair whole = parts[0];
  for (int n = width_ / 2; n >= 1; n /= 2)
    whole = combine({half(whole.first, 0, n), half(whole.second, 0, n)}, {half(whole.first, n, n), half(whole.second, n, n)});
  return is_argument ? whole.second : whole.first;
}

void Reductions::finish(Computations &values, bool across_lanes) {
  for (const auto &[id, running] : running_) {
    const Instruction &i = f_.kernel.values[id];
    if (across_lanes) {
      values[id] = {{across(id, running, vectors_)}, true};
      continue;
    }
    Computed result{{}, width_ == 1};
    bool is_argument = i.code == Code::argreduce;
    llvm::Type *type =
        vector_of(register_type(f_.context(), is_argument ? ir::Elem::i32 : f_.kernel.values[i.operands[0]].elem), width_);
    for (int v = 0; v < vectors_; ++v)
      result.parts.push_back(f_.b.CreateLoad(type, is_argument ? running.index[v] : running.best[v]));
    values[id] = std::move(result);
  }
}

} // namespace nnc::codegen
