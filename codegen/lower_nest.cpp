// Kernels without a contraction: loops over the outer axes, in them the stages.

#include "codegen/lower.h"

#include <bit>

namespace nnc::codegen {

using llvm::Value;

static constexpr int64_t enough_to_share = 32; // points of an axis

size_t axis_to_share(const Kernel &kernel) {
  size_t best = 0;
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis) {
    const Size &extent = kernel.axes[axis];
    if (!extent.is_constant() || extent.c[0] >= enough_to_share) return axis;
    if (extent.c[0] > kernel.axes[best].c[0]) best = axis;
  }
  return best;
}

namespace {

/// How a lane axis of some extent is cut: `vectors` vectors of `width` at a time.
struct Shape {
  int width = 1, vectors = 1;
  int64_t step() const { return int64_t{width} * vectors; }
  bool operator==(const Shape &) const = default;
};

/// Few vectors for long code; none that would be empty.
Shape lane_shape(const Kernel &kernel, const Processor &target, const Size &extent, double cost) {
  if (draws(kernel)) return {kernel_lanes(kernel, target), 1};
  Shape s{kernel_lanes(kernel, target), cost <= 12 ? 4 : cost <= 40 ? 2 : 1};
  if (!extent.is_constant()) return s;
  int64_t n = std::max<int64_t>(extent.c[0], 1);
  if (n < s.width) s.width = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(n)));
  while (s.vectors > 1 && (n + s.width - 1) / s.width < s.vectors) s.vectors /= 2;
  return s;
}

double kernel_cost(const Kernel &kernel) {
  double cost = 0;
  for (const Stage &s : kernel.stages) cost += code_cost(kernel, s);
  return cost;
}

/// Of the last outer axis.
Shape outer_shape(const Kernel &kernel, const Processor &target) {
  if (kernel.lanes != Lanes::outer || kernel.axes.empty()) return {};
  return lane_shape(kernel, target, kernel.axes.back(), kernel_cost(kernel));
}

class Nest {
public:
  explicit Nest(KernelFunction &f)
      : f_(f), kernel_(f.kernel), values_(f.kernel.values.size()), shared_axis_(axis_to_share(f.kernel)),
        outer_(outer_shape(f.kernel, f.target)) {}
  void emit();

private:
  bool adds_in_order(const Stage &) const;
  void outer_axis(size_t axis, Block &);
  void outer_lanes(Block &);
  void stages(const Block &);
  void stage(const Stage &, Block);
  void stage_axis(const Stage &, size_t axis, Block &, Shape, Reductions *);
  void stage_lanes(const Stage &, Block &, Shape, Reductions *);
  Value *end_of_last_axis(const Stage &, const Block &);

  KernelFunction &f_;
  const Kernel &kernel_;
  Computations values_;
  const size_t shared_axis_;
  const Shape outer_;
};

void Nest::emit() {
  Block block;
  if (kernel_.axes.empty())
    f_.when(f_.b.CreateICmpSLT(f_.begin, f_.end), [&] { stages(block); });
  else
    outer_axis(0, block);
}

void Nest::outer_axis(size_t axis, Block &block) {
  if (axis + 1 == kernel_.axes.size() && outer_.width > 1) return outer_lanes(block);
  if (axis == kernel_.axes.size()) return stages(block);
  bool is_shared = axis == shared_axis_;
  f_.loop(is_shared ? f_.begin : f_.integer(0), is_shared ? f_.end : f_.size(kernel_.axes[axis]), 1, [&](Value *index) {
    block.axes.push_back(index);
    outer_axis(axis + 1, block);
    block.axes.pop_back();
  });
}

/// The last outer axis in whole blocks, then in single masked vectors.
void Nest::outer_lanes(Block &block) {
  size_t axis = kernel_.axes.size() - 1;
  bool is_shared = axis == shared_axis_;
  Value *from = is_shared ? f_.begin : f_.integer(0), *to = is_shared ? f_.end : f_.size(kernel_.axes[axis]);
  block.lane_axis = static_cast<int>(axis), block.width = outer_.width;
  auto run = [&](Value *first, Value *last, int vectors, bool is_masked) {
    f_.loop(first, last, int64_t{vectors} * outer_.width, [&](Value *index) {
      block.axes.push_back(index), block.vectors = vectors;
      block.masks.assign(vectors, nullptr);
      if (is_masked) block.masks[0] = lanes_below(f_, f_.b.CreateSub(to, index), outer_.width, 0);
      stages(block);
      block.axes.pop_back();
    });
  };
  // Shares begin at multiples of a block, so the length of the axis says where whole blocks end.
  const Size &extent = kernel_.axes[axis];
  int64_t step = outer_.step();
  bool divides = extent.is_constant() && extent.c[0] % step == 0;
  Value *whole = to;
  // Beside drawing masks cost nothing, and with them the code is the same for every extent.
  if (draws(kernel_)) return run(from, to, 1, true);
  if (!divides) whole = f_.b.CreateAdd(from, f_.b.CreateAnd(f_.b.CreateSub(to, from), f_.integer(-step)));
  if (!extent.is_constant() || extent.c[0] >= step) run(from, whole, outer_.vectors, false);
  if (!divides) run(whole, to, 1, true);
}

void Nest::stages(const Block &block) {
  for (const Stage &s : kernel_.stages) stage(s, block);
}

/// Whether two lanes of the stage's own could add to one element.
bool Nest::adds_in_order(const Stage &s) const {
  size_t lane = kernel_.axes.size() + s.axes.size() - 1;
  for (ValueId id : s.code) {
    const Instruction &i = kernel_.values[id];
    if (i.code != Code::store_add) continue;
    if (!i.access.indirect.empty() || i.access.strides.size() <= lane || i.access.strides[lane].is_zero()) return true;
  }
  return false;
}

void Nest::stage(const Stage &s, Block block) {
  bool own_lanes = kernel_.lanes == Lanes::inner && !s.axes.empty() && !adds_in_order(s);
  Shape shape{block.width, block.vectors};
  if (own_lanes) shape = lane_shape(kernel_, f_.target, s.axes.back(), code_cost(kernel_, s));
  while (kernel_.triangle && shape.vectors > 1 && shape.step() > triangle_stretch) shape.vectors /= 2;
  own_lanes = own_lanes && shape.width > 1;
  Reductions reductions(f_, s, shape.width, shape.vectors, own_lanes);
  if (own_lanes) block.lane_axis = static_cast<int>(kernel_.axes.size() + s.axes.size()) - 1, block.width = shape.width;
  stage_axis(s, 0, block, shape, &reductions);
  reductions.finish(values_, own_lanes);
}

void Nest::stage_axis(const Stage &s, size_t axis, Block &block, Shape shape, Reductions *reductions) {
  if (axis == s.axes.size()) return emit_code(f_, s, block, values_, reductions);
  bool is_lanes = block.lane_axis == static_cast<int>(kernel_.axes.size() + axis);
  if (is_lanes) return stage_lanes(s, block, shape, reductions);
  f_.loop(f_.integer(0), axis + 1 == s.axes.size() ? end_of_last_axis(s, block) : f_.size(s.axes[axis]), 1, [&](Value *index) {
    block.axes.push_back(index);
    stage_axis(s, axis + 1, block, shape, reductions);
    block.axes.pop_back();
  });
}

/// That of the stretch of the row, where the kernel has a triangle: a whole number of blocks, or the end of the axis.
Value *Nest::end_of_last_axis(const Stage &s, const Block &block) {
  Value *end = f_.size(s.axes.back());
  const auto &triangle = kernel_.triangle;
  if (!triangle || static_cast<int>(kernel_.axes.size() + s.axes.size()) - 1 != triangle->column) return end;
  Value *row = block.axes[static_cast<size_t>(triangle->row)];
  return f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, end_of_columns(f_, row));
}

/// The stage's last axis in whole blocks, then the rest as one masked block.
void Nest::stage_lanes(const Stage &s, Block &block, Shape shape, Reductions *reductions) {
  const Size &extent = s.axes.back();
  Value *to = end_of_last_axis(s, block);
  Value *whole = f_.b.CreateAnd(to, f_.integer(-shape.step()));
  block.vectors = shape.vectors;
  f_.loop(f_.integer(0), whole, shape.step(), [&](Value *index) {
    block.axes.push_back(index);
    block.masks.assign(shape.vectors, nullptr);
    emit_code(f_, s, block, values_, reductions);
    block.axes.pop_back();
  });
  f_.when(f_.b.CreateICmpSLT(whole, to), [&] {
    Value *remaining = f_.b.CreateSub(to, whole);
    block.axes.push_back(whole);
    if (extent.is_constant()) { // vectors that are empty need no code
      int64_t rest = extent.c[0] % shape.step();
      block.vectors = static_cast<int>((rest + shape.width - 1) / shape.width);
    }
    block.masks.clear();
    for (int v = 0; v < block.vectors; ++v)
      block.masks.push_back(lanes_below(f_, remaining, shape.width, int64_t{v} * shape.width));
    emit_code(f_, s, block, values_, reductions);
    block.axes.pop_back();
  });
}

} // namespace

Sharing nest_sharing(const Kernel &kernel, const Processor &target) {
  Sharing sharing;
  sharing.points = kernel.axes;
  const Stage *longest = nullptr;
  for (const Stage &s : kernel.stages)
    if (!longest || s.axes.size() > longest->axes.size()) longest = &s;
  if (longest) sharing.points.insert(sharing.points.end(), longest->axes.begin(), longest->axes.end());
  sharing.work = 0.4 * kernel_cost(kernel) / kernel_lanes(kernel, target);
  if (kernel.axes.empty()) return sharing;
  size_t axis = axis_to_share(kernel);
  sharing.extent = kernel.axes[axis];
  if (axis + 1 == kernel.axes.size()) sharing.granule = outer_shape(kernel, target).step();
  return sharing;
}

void forget_shared_extent(Kernel &kernel, const Processor &target) {
  if (kernel.axes.empty()) return;
  size_t axis = axis_to_share(kernel);
  Size &extent = kernel.axes[axis];
  const Size old = extent;
  const Shape shape = outer_shape(kernel, target);
  int64_t step = axis + 1 == kernel.axes.size() ? shape.step() : 1;
  const bool is_any = draws(kernel) && kernel.axes.size() == 1 && kernel.lanes == Lanes::outer;
  if (is_any)
    extent = enough_to_share;
  else if (!old.is_constant())
    extent = Size::power(1, 1);
  else if (old.c[0] >= std::max(step, enough_to_share)) // whole blocks and perhaps a rest
    extent = (enough_to_share + step - 1) / step * step + (old.c[0] % step != 0);
  if (axis_to_share(kernel) != axis || outer_shape(kernel, target) != shape) extent = old;
}

void lower_nest(KernelFunction &f) { Nest(f).emit(); }

} // namespace nnc::codegen
