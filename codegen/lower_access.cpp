// Loads and stores of the points of a block.

#include "codegen/lower.h"

#include "ir/builder.h"

#include <algorithm>
#include <functional>

namespace nnc::codegen {

using llvm::Value;

Value *counting(llvm::Type *integer, int width, int64_t first) {
  std::vector<llvm::Constant *> lanes;
  for (int lane = 0; lane < width; ++lane) lanes.push_back(llvm::ConstantInt::get(integer, first + lane));
  return width == 1 ? lanes[0] : llvm::ConstantVector::get(lanes);
}

/// The number of the first of the kernel's rows, or null: 0.
static Value *first_row(KernelFunction &f) {
  const auto &first = f.kernel.triangle->first;
  if (!first) return nullptr;
  Value *loaded = f.b.CreateAlignedLoad(f.b.getInt32Ty(), address(f, *first, {}, {}), llvm::Align(4));
  f.mark(llvm::cast<llvm::Instruction>(loaded), first->buffer);
  return f.b.CreateSExt(loaded, f.b.getInt64Ty());
}

Value *end_of_columns(KernelFunction &f, Value *row) {
  Value *end = f.b.CreateAdd(f.b.CreateAnd(row, f.integer(-triangle_stretch)), f.integer(triangle_stretch));
  Value *first = first_row(f);
  return first ? f.b.CreateAdd(first, end) : end;
}

Value *first_of_rows(KernelFunction &f, Value *column) {
  Value *stretch = f.b.CreateAnd(column, f.integer(-triangle_stretch)), *first = first_row(f);
  return first ? f.b.CreateSub(stretch, first) : stretch;
}

Value *lanes_below(KernelFunction &f, Value *remaining, int width, int64_t first) {
  // In 32 bits: what remains is less than a block, or all of it counts.
  llvm::Type *i32 = f.b.getInt32Ty();
  Value *bound = f.b.CreateTrunc(f.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, remaining, f.integer(1 << 20)), i32);
  return f.b.CreateICmpSLT(counting(i32, width, first), f.b.CreateVectorSplat(width, bound));
}

Computed spread(KernelFunction &f, const Computed &value, const Block &block) {
  if (!value.uniform || !block.has_lanes()) return value;
  return {std::vector<Value *>(block.vectors, f.b.CreateVectorSplat(block.width, value.parts[0])), false};
}

namespace {

/// An access taken apart for a block: an address that all points share, and what each vector and each lane adds, in elements.
struct Parted {
  Value *start;
  Size vector_stride, lane_stride;
  std::vector<std::pair<const Computed *, Size>> varying;

  bool same_for_lanes() const { return lane_stride.is_zero() && varying.empty(); }
  bool uniform() const { return same_for_lanes() && vector_stride.is_zero(); }
  bool contiguous() const { return lane_stride == Size(1) && varying.empty(); }
  bool every_other() const { return lane_stride == Size(2) && varying.empty(); }
};

Parted part(KernelFunction &f, const Access &access, const Block &block, const Computations &values) {
  Parted p;
  Value *offset = f.size(access.constant);
  auto add = [&](Value *index, const Size &stride) {
    if (stride.is_zero()) return;
    offset = f.b.CreateAdd(offset, stride == Size(1) ? index : f.b.CreateMul(index, f.size(stride)));
  };
  // What varies least comes first, so that loops inside need only add.
  for (const auto &[id, stride] : access.indirect) {
    const Computed &index = values[id];
    if (index.uniform)
      add(f.b.CreateSExt(index.parts[0], f.b.getInt64Ty()), stride);
    else
      p.varying.emplace_back(&index, stride);
  }
  for (size_t axis = 0; axis < access.strides.size(); ++axis) {
    add(block.axes[axis], access.strides[axis]);
    if (static_cast<int>(axis) == block.lane_axis) p.lane_stride = access.strides[axis];
    if (static_cast<int>(axis) == block.vector_axis) p.vector_stride = access.strides[axis];
  }
  if (block.vector_axis < 0) p.vector_stride = p.lane_stride * Size(block.width);
  p.start = f.b.CreateInBoundsGEP(memory_type(f.context(), f.form.buffers[access.buffer].elem), f.base(access.buffer), offset);
  return p;
}

/// Where vector number `v` begins.
Value *vector_address(KernelFunction &f, const Parted &p, int v, llvm::Type *type) {
  return f.b.CreateInBoundsGEP(type, p.start, f.size(p.vector_stride * Size(v)));
}

/// The addresses of vector number `v`'s lanes.
Value *lane_addresses(KernelFunction &f, const Parted &p, const Block &block, int v, llvm::Type *type) {
  llvm::Type *i64 = f.b.getInt64Ty();
  int width = block.width;
  auto splat = [&](const Size &size) { return f.b.CreateVectorSplat(width, f.size(size)); };
  Value *offsets = f.b.CreateMul(counting(i64, width, 0), splat(p.lane_stride));
  for (const auto &[index, stride] : p.varying) {
    Value *wide = f.b.CreateSExt(index->parts[v], vector_of(i64, width));
    offsets = f.b.CreateAdd(offsets, f.b.CreateMul(wide, splat(stride)));
  }
  return f.b.CreateInBoundsGEP(type, vector_address(f, p, v, type), offsets);
}

Value *all_lanes(KernelFunction &f, int width) { return llvm::Constant::getAllOnesValue(vector_of(f.b.getInt1Ty(), width)); }

Value *from_memory(KernelFunction &f, Value *x, ir::Elem elem) {
  if (elem != ir::Elem::boolean) return x;
  return f.b.CreateICmpNE(x, llvm::Constant::getNullValue(x->getType()));
}

Value *to_memory(KernelFunction &f, Value *x, ir::Elem elem) {
  if (elem != ir::Elem::boolean) return x;
  return f.b.CreateZExt(x, x->getType()->getWithNewBitWidth(8));
}

/// Whether the block's vectors begin at multiples of their length wherever the block is; their buffer does so by whole lines.
bool are_vectors_aligned(const Access &access, const Block &block, int bytes) {
  const int64_t vector = int64_t{block.width} * bytes;
  auto divides = [&](const Size &size) {
    return std::all_of(size.c.begin(), size.c.end(), [&](int64_t c) { return c * bytes % vector == 0; });
  };
  if (!access.indirect.empty() || !divides(access.constant)) return false;
  for (size_t axis = 0; axis < access.strides.size(); ++axis)
    if (static_cast<int>(axis) != block.lane_axis && !divides(access.strides[axis])) return false;
  return true;
}

/// Lanes that lie in every other element are the even ones of two vectors of neighbours, of which no other element is touched: less than a gather or scatter,
/// where the processor has masks for such elements.
class EveryOther {
public:
  EveryOther(KernelFunction &f, const Parted &p, const Block &block, int v, llvm::Type *type)
      : f_(f), type_(type), width_(block.width), mask_(block.masks[v] ? block.masks[v] : all_lanes(f, block.width)),
        first_(vector_address(f, p, v, type)) {}

  static bool serves(KernelFunction &f, const Parted &p, const Block &block, ir::Elem elem) {
    return p.every_other() && f.target.fma && ir::bytes(elem) >= 4 && block.width > 1;
  }

  Value *load(const std::function<Value *(Value *)> &finish) {
    llvm::Type *vector = vector_of(type_, width_);
    Value *halves[2];
    for (int half = 0; half < 2; ++half)
      halves[half] =
          finish(f_.b.CreateMaskedLoad(vector, address(half), align(), spread_mask(half), llvm::Constant::getNullValue(vector)));
    std::vector<int> even(width_);
    for (int lane = 0; lane < width_; ++lane) even[lane] = 2 * lane;
    return f_.b.CreateShuffleVector(halves[0], halves[1], even);
  }

  void store(Value *x, const std::function<void(Value *)> &finish) {
    for (int half = 0; half < 2; ++half)
      finish(f_.b.CreateMaskedStore(f_.b.CreateShuffleVector(x, lanes_of(half)), address(half), align(), spread_mask(half)));
  }

private:
  llvm::Align align() const { return llvm::Align(type_->getScalarSizeInBits() / 8); }
  Value *address(int half) { return f_.b.CreateConstInBoundsGEP1_64(type_, first_, int64_t{half} * width_); }

  /// The lane at each even element of a half, and something at the odd ones.
  std::vector<int> lanes_of(int half) const {
    std::vector<int> lanes(width_);
    for (int at = 0; at < width_; ++at) lanes[at] = (half * width_ + at) / 2;
    return lanes;
  }

  Value *spread_mask(int half) {
    std::vector<int> lanes = lanes_of(half);
    for (int at = 1; at < width_; at += 2) lanes[at] = width_; // of the zeros
    return f_.b.CreateShuffleVector(mask_, llvm::Constant::getNullValue(mask_->getType()), lanes);
  }

  KernelFunction &f_;
  llvm::Type *type_;
  int width_;
  Value *mask_, *first_;
};

} // namespace

Computed load(KernelFunction &f, const Access &access, const Block &block, const Computations &values) {
  ir::Elem elem = f.form.buffers[access.buffer].elem;
  llvm::Type *type = memory_type(f.context(), elem);
  llvm::Align align(ir::bytes(elem));
  Parted p = part(f, access, block, values);
  auto finish = [&](Value *loaded) {
    f.mark(llvm::cast<llvm::Instruction>(loaded), access.buffer);
    return from_memory(f, loaded, elem);
  };
  if (p.uniform()) return {{finish(f.b.CreateAlignedLoad(type, p.start, align))}, true};

  Computed result{{}, false};
  llvm::Type *vector = vector_of(type, block.width);
  for (int v = 0; v < block.vectors; ++v) {
    Value *mask = block.masks[v], *loaded = nullptr;
    if (p.same_for_lanes()) {
      Value *one = finish(f.b.CreateAlignedLoad(type, vector_address(f, p, v, type), align));
      result.parts.push_back(f.b.CreateVectorSplat(block.width, one));
      continue;
    }
    if (p.contiguous()) {
      Value *at = vector_address(f, p, v, type);
      loaded = mask ? static_cast<Value *>(f.b.CreateMaskedLoad(vector, at, align, mask, llvm::Constant::getNullValue(vector)))
                    : f.b.CreateAlignedLoad(vector, at, align);
    } else if (EveryOther::serves(f, p, block, elem)) {
      result.parts.push_back(EveryOther(f, p, block, v, type).load(finish));
      continue;
    } else {
      loaded = f.b.CreateMaskedGather(vector, lane_addresses(f, p, block, v, type), align,
                                      mask ? mask : all_lanes(f, block.width), llvm::Constant::getNullValue(vector));
    }
    result.parts.push_back(finish(loaded));
  }
  return result;
}

void store(KernelFunction &f, const Access &access, const Block &block, const Computations &values, const Computed &value) {
  ir::Elem elem = f.form.buffers[access.buffer].elem;
  llvm::Type *type = memory_type(f.context(), elem);
  llvm::Align align(ir::bytes(elem));
  Parted p = part(f, access, block, values);
  auto finish = [&](Value *stored) { f.mark(llvm::cast<llvm::Instruction>(stored), access.buffer); };
  if (p.uniform() && !value.uniform) throw ir::InternalError(f.kernel.name + " stores what its lanes differ in to one element");
  if (p.uniform()) return finish(f.b.CreateAlignedStore(to_memory(f, value.parts[0], elem), p.start, align));

  const bool streams =
      f.form.buffers[access.buffer].streamed && p.contiguous() && are_vectors_aligned(access, block, ir::bytes(elem));
  Computed all = spread(f, value, block);
  for (int v = 0; v < block.vectors; ++v) {
    Value *mask = block.masks[v], *x = to_memory(f, all.parts[v], elem);
    if (p.contiguous()) {
      Value *at = vector_address(f, p, v, type);
      if (streams && !mask)
        finish(f.stream(f.b.CreateAlignedStore(x, at, llvm::Align(block.width * ir::bytes(elem)))));
      else
        finish(mask ? static_cast<Value *>(f.b.CreateMaskedStore(x, at, align, mask)) : f.b.CreateAlignedStore(x, at, align));
    } else if (EveryOther::serves(f, p, block, elem)) {
      EveryOther(f, p, block, v, type).store(x, finish);
    } else {
      Value *at = lane_addresses(f, p, block, v, type);
      finish(f.b.CreateMaskedScatter(x, at, align, mask ? mask : all_lanes(f, block.width)));
    }
  }
}

Value *address(KernelFunction &f, const Access &access, const std::vector<Value *> &axes, const Computations &values) {
  Block point;
  point.axes = axes;
  return part(f, access, point, values).start;
}

} // namespace nnc::codegen
