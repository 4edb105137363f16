// Loads and stores of the points of a block.

#include "codegen/lower.h"

#include "ir/builder.h"

#include <algorithm>

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

/// An access taken apart for a block: an address that all points share, and what each lane adds, in elements.
struct Parted {
  Value *start;
  Size lane_stride;
  std::vector<std::pair<const Computed *, Size>> varying;

  bool uniform() const { return lane_stride.is_zero() && varying.empty(); }
  bool contiguous() const { return lane_stride == Size(1) && varying.empty(); }
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
  }
  p.start = f.b.CreateInBoundsGEP(memory_type(f.context(), f.form.buffers[access.buffer].elem), f.base(access.buffer), offset);
  return p;
}

/// The addresses of vector number `v`'s lanes.
Value *lane_addresses(KernelFunction &f, const Parted &p, const Block &block, int v, llvm::Type *type) {
  llvm::Type *i64 = f.b.getInt64Ty();
  int width = block.width;
  auto splat = [&](const Size &size) { return f.b.CreateVectorSplat(width, f.size(size)); };
  Value *offsets = f.b.CreateMul(counting(i64, width, int64_t{v} * width), splat(p.lane_stride));
  for (const auto &[index, stride] : p.varying) {
    Value *wide = f.b.CreateSExt(index->parts[v], vector_of(i64, width));
    offsets = f.b.CreateAdd(offsets, f.b.CreateMul(wide, splat(stride)));
  }
  return f.b.CreateInBoundsGEP(type, p.start, offsets);
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
    if (p.contiguous()) {
      Value *at = f.b.CreateConstInBoundsGEP1_64(type, p.start, int64_t{v} * block.width);
      loaded = mask ? static_cast<Value *>(f.b.CreateMaskedLoad(vector, at, align, mask, llvm::Constant::getNullValue(vector)))
                    : f.b.CreateAlignedLoad(vector, at, align);
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
      Value *at = f.b.CreateConstInBoundsGEP1_64(type, p.start, int64_t{v} * block.width);
      if (streams && !mask)
        finish(f.stream(f.b.CreateAlignedStore(x, at, llvm::Align(block.width * ir::bytes(elem)))));
      else
        finish(mask ? static_cast<Value *>(f.b.CreateMaskedStore(x, at, align, mask)) : f.b.CreateAlignedStore(x, at, align));
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
