// The loops of a contraction:
//
//   for the outer axes
//     for blocks of n                        some tiles, b's columns of which stay in the second-level cache
//       for blocks of m                      some tiles, a's rows of which stay in the first-level cache for all tiles of n; copied ones in the second
//         for chunks of k                    one, or some, with partial sums kept for the block
//           for tiles of n
//             for tiles of m                 the tile's sums over the chunk; with the last one their epilogue, row by row
//
// Tiles are whole ones, then the rest of n with masked lanes and the rest of m with fewer rows. Where the thread packs b itself, it fills a panel for a
// tile of n and a chunk before the tiles of m read it, or for all of m where k is whole. Each element of the result is one chain of fused
// multiply-adds over ascending k, whatever tile it falls into.

#include "codegen/lower_contraction.h"

#include "codegen/sharing.h"

namespace nnc::codegen {

ContractionLowering::ContractionLowering(KernelFunction &f)
    : f_(f), c_(*f.kernel.contraction), outer_(f.kernel.axes.size()), plan_(plan_contraction(f.kernel, f.target)),
      scratch_(contraction_scratch(f.kernel, plan_)), scalar_(register_type(f.context(), c_.elem)),
      vector_(vector_of(scalar_, plan_.width)), values_(f.kernel.values.size()) {
  epilogue_.axes = f.kernel.stages[0].axes;
  for (ValueId id : f.kernel.stages[0].code)
    if (!moves_along_k(id)) epilogue_.code.push_back(id);
  if (scratch_.sums) sums_ = f.local(scalar_, scratch_.sums, 64);
  if (scratch_.rows) rows_of_a_ = f.local(scalar_, scratch_.rows, 64);
  if (scratch_.panel) panel_ = f.local(scalar_, scratch_.panel, 64);
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
  return to_last_row(axis, axis == plan_.shared_axis ? f_.end : f_.size(extent_of(f_.kernel, static_cast<size_t>(axis))));
}

bool ContractionLowering::is_cut(int axis) const {
  const auto &triangle = f_.kernel.triangle;
  return triangle && triangle->first && triangle->column == axis;
}

ContractionLowering::Value *ContractionLowering::to_last_row(int axis, Value *end) {
  if (!is_cut(axis)) return end;
  const size_t inner = static_cast<size_t>(f_.kernel.triangle->row) - outer_;
  const Size &rows = inner == 0 ? c_.m : inner == 1 ? c_.n : c_.k[inner - 2];
  return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, end_of_columns(f_, f_.b.CreateSub(f_.size(rows), f_.integer(1))));
}

void ContractionLowering::emit() {
  if (plan_.keeps_all) return passes();
  outer_axis(0, [&] { blocks_of_columns(); });
}

/// Calls body at the points of the outer axes from `axis` on.
void ContractionLowering::outer_axis(size_t axis, const std::function<void()> &body) {
  if (axis == outer_) return body();
  if (static_cast<int>(axis) == plan_.across) { // each_columns goes along it
    axes_.push_back(f_.integer(0));
    outer_axis(axis + 1, body);
    return axes_.pop_back();
  }
  f_.loop(from(static_cast<int>(axis)), to(static_cast<int>(axis)), 1, [&](Value *index) {
    axes_.push_back(index);
    outer_axis(axis + 1, body);
    axes_.pop_back();
  });
}

void ContractionLowering::blocks_of_columns() {
  const int axis = column_axis(plan_, f_.kernel);
  const int64_t block = plan_.tile_points() * plan_.block_tiles;
  const Size &extent = extent_of(f_.kernel, static_cast<size_t>(axis));
  Value *end = to(axis);
  if (extent.is_constant() && extent.c[0] <= block) return blocks_of_rows(from(axis), end);
  f_.loop(from(axis), end, block, [&](Value *n) {
    blocks_of_rows(n, f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, f_.b.CreateAdd(n, f_.integer(block)), end));
  });
}

/// One chunk of k after the other, and in each all outer points. Rows of a and panels of b that are the same at all of them are copied once for a chunk.
void ContractionLowering::passes() {
  const int m = static_cast<int>(outer_);
  const int column = column_axis(plan_, f_.kernel);
  Value *n_first = from(column), *n_end = to(column);
  int64_t points = 1;
  for (size_t axis = 0; axis < outer_; ++axis)
    if (static_cast<int>(axis) != plan_.across) points *= f_.kernel.axes[axis].c[0];
  const bool copies = plan_.a_pitch > 0, copies_once = copies && is_same_at_all(c_.a, outer_);
  const bool packs = plan_.panel == Panel::own, packs_once = packs && is_same_at_all(c_.b, outer_);
  auto all_rows = [&](const Columns &columns, const Chunk &chunk) {
    Value *point = f_.integer(0);
    for (size_t axis = 0; axis < outer_; ++axis)
      if (static_cast<int>(axis) != plan_.across)
        point = f_.b.CreateAdd(f_.b.CreateMul(point, f_.size(f_.kernel.axes[axis])), axes_[axis]);
    Value *m_first = from(m), *row = f_.b.CreateMul(point, f_.integer(plan_.block_rows / points));
    rows(columns, m_first, to(m), f_.b.CreateSub(m_first, row), chunk);
  };
  auto each_point = [&](const Chunk &chunk, const std::function<void()> &body) {
    outer_axis(0, [&] {
      if (copies && !copies_once) copy_rows(from(m), to(m), chunk);
      body();
    });
  };
  chunks([&](const Chunk &chunk) {
    if (copies_once) copy_rows(from(m), to(m), chunk);
    if (packs_once)
      return each_columns(n_first, n_end, [&](const Columns &columns) {
        pack(columns, chunk);
        each_point(chunk, [&] { all_rows(columns, chunk); });
      });
    each_point(chunk, [&] {
      each_columns(n_first, n_end, [&](const Columns &columns) {
        if (packs) pack(columns, chunk);
        all_rows(columns, chunk);
      });
    });
  });
}

/// Calls body for each chunk of k in turn.
void ContractionLowering::chunks(const std::function<void(const Chunk &)> &body) {
  const int last_axis = static_cast<int>(outer_) + 2 + plan_.chunk_axis;
  Value *zero = f_.integer(0), *end = to_last_row(last_axis, f_.size(c_.k[plan_.chunk_axis]));
  Chunk chunk{{}, zero, end, f_.b.getTrue(), f_.b.getTrue()};
  if (!plan_.splits_k) return body(chunk);
  auto axis = [&](auto &self, int number, Value *is_first, Value *is_last) -> void {
    const int64_t step = number == plan_.chunk_axis ? plan_.k_chunk : 1;
    Value *extent = number == plan_.chunk_axis ? end : f_.size(c_.k[number]);
    f_.loop(zero, extent, step, [&](Value *k) {
      Value *next = f_.b.CreateAdd(k, f_.integer(step));
      Value *first_here = f_.b.CreateAnd(is_first, f_.b.CreateICmpEQ(k, zero));
      Value *last_here = f_.b.CreateAnd(is_last, f_.b.CreateICmpSGE(next, extent));
      if (number == plan_.chunk_axis) {
        chunk.first = k, chunk.end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, next, extent);
        chunk.is_first = first_here, chunk.is_last = last_here;
        return body(chunk);
      }
      chunk.before.push_back(k);
      self(self, number + 1, first_here, last_here);
      chunk.before.pop_back();
    });
  };
  axis(axis, 0, f_.b.getTrue(), f_.b.getTrue());
}

/// The tiles of n from `first` to `end`, of which the first is a whole number of tiles; or all of n at points from `first` to `end` of the axis across.
void ContractionLowering::each_columns(Value *first, Value *end, const std::function<void(const Columns &)> &body) {
  if (plan_.across >= 0) return each_points(first, end, body);
  const int64_t width = plan_.width, step = width * plan_.tile.vectors;
  auto number = [&](Value *n) { return f_.b.CreateUDiv(f_.b.CreateSub(n, first), f_.integer(step)); };
  Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, first), f_.integer(step)));
  const bool has_whole = !c_.n.is_constant() || c_.n.c[0] >= step;
  if (has_whole) f_.loop(first, whole, step, [&](Value *n) { body({n, number(n), f_.integer(0), plan_.tile.vectors, nullptr}); });
  if (!c_.n.is_constant()) { // one masked vector after the other
    f_.loop(whole, end, width, [&](Value *n) {
      Value *lane = f_.b.CreateURem(f_.b.CreateSub(n, first), f_.integer(step));
      body({n, number(n), lane, 1, lanes_below(f_, f_.b.CreateSub(end, n), static_cast<int>(width), 0)});
    });
  } else if (int64_t rest = c_.n.c[0] % step) {
    const int vectors = static_cast<int>((rest + width - 1) / width);
    Value *mask = rest % width == 0 ? nullptr : lanes_below(f_, f_.integer(rest % width), static_cast<int>(width), 0);
    f_.when(f_.b.CreateICmpSLT(whole, end), [&] { body({whole, number(whole), f_.integer(0), vectors, mask}); });
  }
}

void ContractionLowering::each_points(Value *first, Value *end, const std::function<void(const Columns &)> &body) {
  const int64_t step = plan_.tile.vectors;
  const Size &extent = f_.kernel.axes[plan_.across];
  Value *zero = f_.integer(0);
  Value *mask = c_.n.c[0] == plan_.width ? nullptr : lanes_below(f_, f_.integer(c_.n.c[0]), plan_.width, 0);
  Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, first), f_.integer(step)));
  auto at = [&](Value *point, int vectors) {
    Value *tile = f_.b.CreateUDiv(f_.b.CreateSub(point, first), f_.integer(step));
    Value *lane = f_.b.CreateMul(f_.b.CreateURem(f_.b.CreateSub(point, first), f_.integer(step)), f_.integer(plan_.width));
    axes_.at(static_cast<size_t>(plan_.across)) = point;
    body({zero, tile, lane, vectors, mask});
    axes_.at(static_cast<size_t>(plan_.across)) = zero;
  };
  if (!extent.is_constant() || extent.c[0] >= step)
    f_.loop(first, whole, step, [&](Value *point) { at(point, plan_.tile.vectors); });
  const bool divides = plan_.shared_axis != plan_.across && extent.is_constant() && extent.c[0] % step == 0;
  if (!divides && step > 1) f_.loop(whole, end, 1, [&](Value *point) { at(point, 1); });
}

void ContractionLowering::blocks_of_rows(Value *n_first, Value *n_end) {
  const int axis = static_cast<int>(outer_);
  Value *first = from(axis), *end = to(axis);
  if (plan_.panel == Panel::own && !plan_.splits_k)
    return chunks([&](const Chunk &whole) {
      each_columns(n_first, n_end, [&](const Columns &columns) {
        pack(columns, whole);
        rows(columns, first, end, first, whole);
      });
    });
  // A thread's share ends at a tile, not at a block.
  const bool divides = axis != plan_.shared_axis && !is_cut(axis) && c_.m.is_constant() && c_.m.c[0] % plan_.block_rows == 0;
  f_.loop(first, end, plan_.block_rows, [&](Value *m) {
    Value *m_end = f_.b.CreateAdd(m, f_.integer(plan_.block_rows));
    if (!divides) m_end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, m_end, end);
    chunks([&](const Chunk &chunk) {
      if (plan_.a_pitch) copy_rows(m, m_end, chunk);
      if (plan_.ahead != Ahead::nothing) plan_ahead(m, m_end, n_first, n_end, chunk);
      each_columns(n_first, n_end, [&](const Columns &columns) {
        if (plan_.panel == Panel::own) pack(columns, chunk);
        rows(columns, m, m_end, m, chunk);
      });
    });
  });
}

/// Tiles of rows from `m` to `end`, in a block that begins with `block`.
void ContractionLowering::rows(const Columns &columns, Value *m, Value *end, Value *block, const Chunk &chunk) {
  const bool divides = c_.m.is_constant() && c_.m.c[0] % plan_.tile.rows == 0;
  const auto [first, last] = in_triangle(0, m, end, 1, columns.n, int64_t{plan_.width} * columns.vectors);
  f_.loop(first, last, plan_.tile.rows, [&](Value *here) {
    Value *most = f_.integer(plan_.tile.rows);
    Value *count = divides ? most : f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, f_.b.CreateSub(end, here), most);
    Value *row = plan_.splits_k ? f_.b.CreateSub(here, block) : f_.integer(0);
    Value *copy = plan_.a_pitch ? copy_of_tile(f_.b.CreateUDiv(f_.b.CreateSub(here, m), f_.integer(plan_.tile.rows))) : nullptr;
    if (fetching_) fetch_ahead();
    tile(columns, here, row, copy, count, chunk);
    if (!plan_.ends_in_registers) f_.when(chunk.is_last, [&] { epilogue(columns, here, row, count); });
  });
}

/// The sums of `count` rows: a whole tile, or lower ones.
void ContractionLowering::tile(const Columns &columns, Value *m, Value *row, Value *copy, Value *count, const Chunk &chunk) {
  Value *done = f_.integer(0);
  std::vector<int> heights = {plan_.tile.rows};
  heights.insert(heights.end(), plan_.fewer_rows.begin(), plan_.fewer_rows.end());
  for (int height : heights) {
    Value *left = f_.b.CreateSub(count, done);
    Value *end = f_.b.CreateAdd(done, f_.b.CreateSub(left, f_.b.CreateURem(left, f_.integer(height))));
    f_.loop(done, end, height, [&](Value *i) {
      Value *copied = copy ? f_.b.CreateInBoundsGEP(scalar_, copy, i) : nullptr;
      accumulate(columns, {f_.b.CreateAdd(m, i), f_.b.CreateAdd(row, i), copied, height}, chunk);
    });
    done = end;
  }
}

Block ContractionLowering::block_at(const Columns &columns, Value *m) const {
  Block block;
  block.axes = axes_;
  block.axes.push_back(m), block.axes.push_back(columns.n);
  if (plan_.width == 1) return block;
  block.lane_axis = static_cast<int>(outer_) + 1;
  block.width = plan_.width, block.vectors = columns.vectors;
  block.vector_axis = plan_.across;
  block.masks.assign(columns.vectors, plan_.across < 0 ? nullptr : columns.last_mask);
  block.masks.back() = columns.last_mask;
  return block;
}

void ContractionLowering::epilogue(const Columns &columns, Value *m, Value *first_row, Value *count) {
  f_.loop(f_.integer(0), count, 1, [&](Value *i) {
    Value *row = f_.b.CreateAdd(first_row, i);
    std::vector<Value *> sums;
    for (int v = 0; v < columns.vectors; ++v) sums.push_back(f_.b.CreateLoad(vector_, sum_address(columns, row, v)));
    epilogue(columns, f_.b.CreateAdd(m, i), std::move(sums));
  });
}

/// Of one row, by its sums.
void ContractionLowering::epilogue(const Columns &columns, Value *m, std::vector<Value *> sums) {
  const Computed computed{std::move(sums), plan_.width == 1};
  for (ValueId id : epilogue_.code)
    if (f_.kernel.values[id].code == Code::accumulator) values_[id] = computed;
  emit_code(f_, epilogue_, block_at(columns, m), values_, nullptr);
}

void lower_contraction(KernelFunction &f) { ContractionLowering(f).emit(); }

} // namespace nnc::codegen
