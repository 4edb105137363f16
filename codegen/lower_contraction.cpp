// The loops of a contraction:
//
//   for the outer axes
//     for tiles of n                         whole ones, then the rest with masked lanes
//       for blocks of m                      one tile high, or several where k is split
//         for chunks of k                    one, or several where the packed panel would not fit
//           pack the panel                   (once for all blocks where k is not split)
//           for tiles of m                   whole ones, then the rest with fewer rows
//             the tile's sums over the chunk
//         the epilogue, row by row           on sums that are still in the first-level cache
//
// Each element of the result is one chain of fused multiply-adds over ascending k, whatever tile it falls into.

#include "codegen/lower_contraction.h"

namespace nnc::codegen {

ContractionLowering::ContractionLowering(KernelFunction &f)
    : f_(f), c_(*f.kernel.contraction), outer_(f.kernel.axes.size()), plan_(plan_contraction(f.kernel, f.target)),
      scalar_(register_type(f.context(), c_.elem)), vector_(vector_of(scalar_, plan_.width)), values_(f.kernel.values.size()) {
  epilogue_.axes = f.kernel.stages[0].axes;
  for (ValueId id : f.kernel.stages[0].code)
    if (!moves_along_k(id)) epilogue_.code.push_back(id);
  int64_t row = int64_t{plan_.width} * plan_.tile.vectors;
  sums_ = f.local(scalar_, plan_.block_rows * row, 64);
  // A transposed panel is written in whole squares, which may end past the last row.
  if (plan_.panel != Panel::none) panel_ = f.local(scalar_, (plan_.panel_rows + plan_.width) * row, 64);
}

Sharing contraction_sharing(const Kernel &kernel, const Processor &target) {
  const Contraction &c = *kernel.contraction;
  const ContractionPlan plan = plan_contraction(kernel, target);
  Sharing sharing;
  sharing.points = kernel.axes;
  sharing.points.push_back(c.m), sharing.points.push_back(c.n);
  sharing.extent = sharing.points[plan.shared_axis];
  sharing.granule = plan.granule;
  sharing.points.insert(sharing.points.end(), c.k.begin(), c.k.end());
  sharing.work = 0.5 / plan.width;
  return sharing;
}

ContractionLowering::Value *ContractionLowering::from(int axis) { return axis == plan_.shared_axis ? f_.begin : f_.integer(0); }

ContractionLowering::Value *ContractionLowering::to(int axis) {
  if (axis == plan_.shared_axis) return f_.end;
  return f_.size(axis < static_cast<int>(outer_) ? f_.kernel.axes[axis] : axis == static_cast<int>(outer_) ? c_.m : c_.n);
}

void ContractionLowering::emit() { outer_axis(0); }

void ContractionLowering::outer_axis(size_t axis) {
  if (axis == outer_) return columns();
  f_.loop(from(static_cast<int>(axis)), to(static_cast<int>(axis)), 1, [&](Value *index) {
    axes_.push_back(index);
    outer_axis(axis + 1);
    axes_.pop_back();
  });
}

void ContractionLowering::columns() {
  int axis = static_cast<int>(outer_) + 1, width = plan_.width;
  int64_t step = int64_t{width} * plan_.tile.vectors;
  Value *first = from(axis), *end = to(axis);
  Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, first), f_.integer(step)));
  bool has_whole = !c_.n.is_constant() || c_.n.c[0] >= step;
  if (has_whole) f_.loop(first, whole, step, [&](Value *n) { rows({n, plan_.tile.vectors, nullptr}); });
  if (!c_.n.is_constant()) { // one masked vector after the other
    f_.loop(whole, end, width, [&](Value *n) { rows({n, 1, lanes_below(f_, f_.b.CreateSub(end, n), width, 0)}); });
  } else if (int64_t rest = c_.n.c[0] % step) {
    int vectors = static_cast<int>((rest + width - 1) / width);
    Value *mask = rest % width == 0 ? nullptr : lanes_below(f_, f_.integer(rest % width), width, 0);
    f_.when(f_.b.CreateICmpSLT(whole, end), [&] { rows({whole, vectors, mask}); });
  }
}

void ContractionLowering::rows(const Columns &columns) {
  int axis = static_cast<int>(outer_);
  Value *end = to(axis);
  if (plan_.panel != Panel::none && !plan_.splits_k) pack(columns, f_.integer(0), f_.size(c_.k[0]));
  bool divides = c_.m.is_constant() && c_.m.c[0] % plan_.block_rows == 0;
  f_.loop(from(axis), end, plan_.block_rows, [&](Value *m) {
    Value *most = f_.integer(plan_.block_rows);
    block_of_rows(columns, m, divides ? most : f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, f_.b.CreateSub(end, m), most));
  });
}

void ContractionLowering::block_of_rows(const Columns &columns, Value *m, Value *count) {
  chunks_of_k([&](Value *first, Value *end, Value *is_first) {
    if (plan_.splits_k) pack(columns, first, end);
    tiles(columns, m, count, first, end, is_first);
  });
  epilogue(columns, m, count);
}

void ContractionLowering::chunks_of_k(const std::function<void(Value *, Value *, Value *)> &chunk) {
  Value *zero = f_.integer(0), *end = f_.size(c_.k[0]);
  if (!plan_.splits_k) return chunk(zero, end, f_.b.getTrue());
  f_.loop(zero, end, plan_.k_chunk, [&](Value *first) {
    Value *last = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, f_.b.CreateAdd(first, f_.integer(plan_.k_chunk)), end);
    chunk(first, last, f_.b.CreateICmpEQ(first, zero));
  });
}

/// All rows of a block: whole tiles, then lower ones.
void ContractionLowering::tiles(const Columns &columns, Value *m, Value *count, Value *k_first, Value *k_end, Value *is_first) {
  Value *row = f_.integer(0);
  std::vector<int> heights = {plan_.tile.rows};
  heights.insert(heights.end(), plan_.fewer_rows.begin(), plan_.fewer_rows.end());
  for (int height : heights) {
    Value *left = f_.b.CreateSub(count, row);
    Value *end = f_.b.CreateAdd(row, f_.b.CreateSub(left, f_.b.CreateURem(left, f_.integer(height))));
    f_.loop(row, end, height, [&](Value *i) { accumulate(columns, height, f_.b.CreateAdd(m, i), i, k_first, k_end, is_first); });
    row = end;
  }
}

Block ContractionLowering::block_at(const Columns &columns, Value *m) const {
  Block block;
  block.axes = axes_;
  block.axes.push_back(m), block.axes.push_back(columns.n);
  if (plan_.width == 1) return block;
  block.lane_axis = static_cast<int>(outer_) + 1;
  block.width = plan_.width, block.vectors = columns.vectors;
  block.masks.assign(columns.vectors, nullptr);
  block.masks.back() = columns.last_mask;
  return block;
}

void ContractionLowering::epilogue(const Columns &columns, Value *m, Value *count) {
  f_.loop(f_.integer(0), count, 1, [&](Value *row) {
    Block block = block_at(columns, f_.b.CreateAdd(m, row));
    Computed sums{{}, plan_.width == 1};
    for (int v = 0; v < columns.vectors; ++v) sums.parts.push_back(f_.b.CreateLoad(vector_, sum_address(row, v)));
    for (ValueId id : epilogue_.code)
      if (f_.kernel.values[id].code == Code::accumulator) values_[id] = sums;
    emit_code(f_, epilogue_, block, values_, nullptr);
  });
}

void lower_contraction(KernelFunction &f) { ContractionLowering(f).emit(); }

} // namespace nnc::codegen
