// Fetching ahead: a contraction whose operands come from beyond the second-level cache, in stretches too short or too far apart for the processor to
// foresee, asks for the lines of the chunk or block after this one while it computes this one, some with each tile, and for those of a tile's epilogue before
// its products.

#include "codegen/lower_contraction.h"

namespace nnc::codegen {

using llvm::Value;

void ContractionLowering::plan_ahead(Value *m, Value *m_end, Value *n_first, Value *n_end, const Chunk &chunk) {
  auto tiles = [&](Value *first, Value *end, int64_t step) {
    return f_.b.CreateUDiv(f_.b.CreateAdd(f_.b.CreateSub(end, first), f_.integer(step - 1)), f_.integer(step));
  };
  fetching_ = plan_.ahead == Ahead::chunk ? next_chunk(m, m_end, n_first, n_end, chunk) : next_rows(m, m_end, chunk);
  Value *calls =
      f_.b.CreateMul(tiles(m, m_end, plan_.tile.rows), tiles(n_first, n_end, int64_t{plan_.width} * plan_.tile.vectors));
  fetching_->each = f_.b.CreateUDiv(f_.b.CreateAdd(fetching_->count, f_.b.CreateSub(calls, f_.integer(1))), calls);
  fetching_->next = f_.local(f_.b.getInt64Ty());
  f_.b.CreateStore(f_.integer(0), fetching_->next);
}

/// The points of the chunk behind this one along the same axis: what is copied of a, and b where it is read in its place.
ContractionLowering::Fetching ContractionLowering::next_chunk(Value *m, Value *m_end, Value *n_first, Value *n_end,
                                                              const Chunk &chunk) {
  const auto axis = static_cast<size_t>(plan_.chunk_axis);
  Value *inner = f_.size(points_of(std::span(c_.k).subspan(axis + 1)));
  Value *left = f_.b.CreateMul(f_.b.CreateSub(f_.size(c_.k[axis]), chunk.end), inner);
  Fetching next{};
  next.count = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, f_.integer(plan_.chunk_points));
  next.fetch = [=, this](Value *number) {
    std::vector<Value *> k(c_.k.size());
    std::copy(chunk.before.begin(), chunk.before.end(), k.begin());
    for (size_t at = k.size() - 1; at > axis; --at) {
      k[at] = f_.b.CreateURem(number, f_.size(c_.k[at]));
      number = f_.b.CreateUDiv(number, f_.size(c_.k[at]));
    }
    k[axis] = f_.b.CreateAdd(chunk.end, number);
    std::vector<Value *> axes = axes_;
    axes.push_back(m), axes.push_back(n_first);
    axes.insert(axes.end(), k.begin(), k.end());
    fetch_lines(c_.a, axes, f_.b.CreateSub(m_end, m));
    const bool in_place = plan_.panel == Panel::none && c_.b.indirect.empty();
    if (in_place && stride_of(c_.b, outer_ + 1) == Size(1)) fetch_lines(c_.b, axes, f_.b.CreateSub(n_end, n_first));
  };
  return next;
}

ContractionLowering::Fetching ContractionLowering::next_rows(Value *m, Value *m_end, const Chunk &chunk) {
  Value *extent = f_.size(c_.k[0]), *length = f_.integer(plan_.splits_k ? plan_.k_chunk : c_.k[0].c[0]);
  Value *left = f_.b.CreateSub(to(static_cast<int>(outer_)), m_end);
  Value *of_next_block = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, f_.integer(plan_.block_rows));
  Fetching next{};
  next.count = f_.b.CreateSelect(chunk.is_last, of_next_block, f_.b.CreateSub(m_end, m));
  Value *row = f_.b.CreateSelect(chunk.is_last, m_end, m), *k = f_.b.CreateSelect(chunk.is_last, f_.integer(0), chunk.end);
  Value *elements = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, length, f_.b.CreateSub(extent, k));
  next.fetch = [=, this](Value *number) {
    std::vector<Value *> axes = axes_;
    axes.push_back(f_.b.CreateAdd(row, number)), axes.push_back(f_.integer(0)), axes.push_back(k);
    fetch_lines(c_.a, axes, elements);
  };
  return next;
}

void ContractionLowering::fetch_ahead() {
  Value *from = f_.b.CreateLoad(f_.b.getInt64Ty(), fetching_->next);
  Value *to = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, f_.b.CreateAdd(from, fetching_->each), fetching_->count);
  f_.b.CreateStore(to, fetching_->next);
  f_.loop(from, to, 1, fetching_->fetch);
}

/// What the epilogue of these rows will load, each its own, as an optimizer's states or a residual; else what it will store.
void ContractionLowering::fetch_for_epilogue(const Columns &columns, const Rows &rows) {
  std::vector<const Access *> loads, stores;
  for (ValueId id : epilogue_.code) {
    const Instruction &i = f_.kernel.values[id];
    const bool is_own = i.access.indirect.empty() && !stride_of(i.access, outer_).is_zero();
    if (i.code != Code::load && i.code != Code::store) continue;
    if (!is_own || f_.form.buffers[i.access.buffer].near || !(stride_of(i.access, outer_ + 1) == Size(1))) continue;
    if (i.code == Code::load) loads.push_back(&i.access);
    if (i.code == Code::store && !f_.form.buffers[i.access.buffer].streamed) stores.push_back(&i.access);
  }
  const bool is_across = plan_.across >= 0;
  Value *elements = f_.integer(int64_t{plan_.width} * (is_across ? 1 : columns.vectors));
  for (const Access *access : loads.empty() ? stores : loads)
    for (int row = 0; row < rows.count; ++row)
      for (int vector = 0; vector < (is_across ? columns.vectors : 1); ++vector) {
        std::vector<Value *> axes = axes_;
        if (is_across) axes[plan_.across] = f_.b.CreateAdd(axes[plan_.across], f_.integer(vector));
        axes.push_back(f_.b.CreateAdd(rows.m, f_.integer(row))), axes.push_back(columns.n);
        fetch_lines(*access, axes, elements);
      }
}

/// `elements` neighbours, from the access at `axes` on.
void ContractionLowering::fetch_lines(const Access &access, const std::vector<Value *> &axes, Value *elements) {
  constexpr unsigned read = 0, second_level = 2, data = 1;
  Value *first = address(f_, access, axes, values_);
  Value *bytes = f_.b.CreateMul(elements, f_.integer(ir::bytes(f_.form.buffers[access.buffer].elem)));
  f_.loop(f_.integer(0), bytes, cache_line, [&](Value *offset) {
    f_.b.CreateIntrinsic(
        llvm::Intrinsic::prefetch, {first->getType()},
        {f_.b.CreateGEP(f_.b.getInt8Ty(), first, offset), f_.b.getInt32(read), f_.b.getInt32(second_level), f_.b.getInt32(data)});
  });
}

} // namespace nnc::codegen
