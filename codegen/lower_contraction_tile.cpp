// The tile in registers: sums of `rows × vectors` over a chunk of k. Each step loads the vectors of b, then takes one element of a after the
// other to all lanes.

#include "codegen/lower_contraction.h"

namespace nnc::codegen {

using llvm::Value;

bool ContractionLowering::moves_along_k(ValueId id) const {
  const Instruction &i = f_.kernel.values[id];
  if (i.code == Code::axis && i.axis >= static_cast<int>(outer_) + 2) return true;
  for (size_t axis = outer_ + 2; axis < i.access.strides.size(); ++axis)
    if (!i.access.strides[axis].is_zero()) return true;
  for (const auto &[index, stride] : i.access.indirect)
    if (moves_along_k(index)) return true;
  for (ValueId operand : i.operands)
    if (moves_along_k(operand)) return true;
  return false;
}

void ContractionLowering::emit_afresh(ValueId id, const Block &block) {
  const Instruction &i = f_.kernel.values[id];
  for (ValueId operand : i.operands) emit_afresh(operand, block);
  for (const auto &[index, stride] : i.access.indirect) emit_afresh(index, block);
  emit_code(f_, Stage{{}, {id}}, block, values_, nullptr);
}

void ContractionLowering::emit_indices(const Access &access, const Block &block) {
  for (const auto &[index, stride] : access.indirect) emit_afresh(index, block);
}

Value *ContractionLowering::sum_address(const Columns &columns, Value *row, int vector) {
  const int64_t width = int64_t{plan_.width} * plan_.tile.vectors;
  if (plan_.splits_k) row = f_.b.CreateAdd(row, f_.b.CreateMul(columns.tile, f_.integer(plan_.block_rows)));
  Value *offset = f_.b.CreateAdd(f_.b.CreateMul(row, f_.integer(width)), f_.integer(int64_t{vector} * plan_.width));
  if (plan_.splits_k) offset = f_.b.CreateAdd(offset, columns.lane);
  return f_.b.CreateInBoundsGEP(scalar_, sums_, offset);
}

/// The thread's panel, or that of the packed b.
Value *ContractionLowering::panel_of(const Columns &columns) {
  if (plan_.panel == Panel::own) return panel_;
  Value *offset = f_.b.CreateAdd(f_.size(c_.b.constant), f_.b.CreateMul(columns.n, f_.size(points_of(c_.k))));
  return f_.b.CreateInBoundsGEP(scalar_, f_.base(c_.b.buffer), offset);
}

void ContractionLowering::pack(const Columns &columns, const Chunk &chunk) {
  std::vector<Value *> before = axes_; // none yet, where the panel serves all outer points
  before.resize(outer_ + 1, f_.integer(0));
  const PanelSource source{c_.b,         before,  c_.n,    c_.k,
                           chunk.before, c_.elem, values_, [&](const Block &block) { emit_indices(c_.b, block); }};
  fill_panel(f_, source, {columns.n, plan_.width, columns.vectors, columns.last_mask, panel_, plan_.tile.vectors},
             panel_order(source, plan_.width), chunk.first, chunk.end);
}

std::pair<Value *, Value *> ContractionLowering::in_triangle(int axis, Value *first, Value *end, int other, Value *at,
                                                             int64_t count) {
  const auto &triangle = f_.kernel.triangle;
  if (!triangle) return {first, end};
  const int here = static_cast<int>(outer_) + axis, there = static_cast<int>(outer_) + other;
  if (triangle->row == there && triangle->column == here) {
    Value *last = f_.b.CreateAdd(at, f_.integer(count - 1));
    end = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, end_of_columns(f_, last));
  }
  if (triangle->row == here && triangle->column == there)
    first = f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, first, first_of_rows(f_, at));
  return {first, end};
}

/// Calls body at each point of the summed axes in a chunk, of its own axis in the stretch of it.
void ContractionLowering::over_k(const Chunk &chunk, std::pair<Value *, Value *> stretch,
                                 const std::function<void(const Point &)> &body) {
  const auto first_axis = static_cast<size_t>(plan_.chunk_axis);
  Point point{chunk.before, nullptr, nullptr};
  Value *before = f_.integer(0); // the number of the point before the chunk's axis
  for (size_t axis = 0; axis < chunk.before.size(); ++axis)
    before = f_.b.CreateAdd(f_.b.CreateMul(before, f_.size(c_.k[axis])), chunk.before[axis]);
  auto axis = [&](auto &self, size_t number, Value *position, Value *in_chunk) -> void {
    if (number == c_.k.size()) {
      point.number = position, point.in_chunk = in_chunk;
      return body(point);
    }
    const bool is_chunked = number == first_axis;
    Value *extent = f_.size(c_.k[number]);
    f_.loop(is_chunked ? stretch.first : f_.integer(0), is_chunked ? stretch.second : extent, 1, [&](Value *index) {
      point.k.push_back(index);
      auto within = [&](Value *outer) { return f_.b.CreateAdd(f_.b.CreateMul(outer, extent), index); };
      self(self, number + 1, within(position), is_chunked ? f_.b.CreateSub(index, chunk.first) : within(in_chunk));
      point.k.pop_back();
    });
  };
  axis(axis, first_axis, before, nullptr);
}

std::vector<Value *> ContractionLowering::columns_of_b(const Columns &columns, const Point &point) {
  std::vector<Value *> parts;
  if (plan_.panel != Panel::none) {
    const int bytes = ir::bytes(c_.elem);
    const int64_t width = int64_t{plan_.width} * plan_.tile.vectors;
    const bool given = plan_.panel == Panel::given;
    Value *offset = f_.b.CreateMul(given ? point.number : point.in_chunk, f_.integer(width));
    Value *row = f_.b.CreateInBoundsGEP(scalar_, panel_of(columns), offset);
    // Panels start at 64 bytes, where their vectors are as wide as the widest registers.
    const bool aligned = !given || width * bytes % 64 == 0;
    for (int v = 0; v < columns.vectors; ++v) {
      Value *at = f_.b.CreateConstInBoundsGEP1_64(scalar_, row, int64_t{v} * plan_.width);
      parts.push_back(f_.b.CreateAlignedLoad(vector_, at, llvm::Align(aligned ? plan_.width * bytes : bytes)));
      if (given) f_.mark(llvm::cast<llvm::Instruction>(parts.back()), c_.b.buffer);
    }
    return parts;
  }
  Block block = block_at(columns, f_.integer(0));
  block.axes.insert(block.axes.end(), point.k.begin(), point.k.end());
  emit_indices(c_.b, block);
  Computed b = spread(f_, load(f_, c_.b, block, values_), block);
  for (Value *part : b.parts) parts.push_back(emit_convert(f_.b, part, c_.elem));
  return parts;
}

/// Copies of the rows of tile number `number` of the block.
Value *ContractionLowering::copy_of_tile(Value *number) {
  return f_.b.CreateInBoundsGEP(scalar_, rows_of_a_, f_.b.CreateMul(number, f_.integer(scratch_.tile_rows)));
}

/// In the order in which a lies.
void ContractionLowering::copy_rows(Value *m, Value *end, const Chunk &chunk) {
  const ir::Elem elem = f_.form.buffers[c_.a.buffer].elem;
  const int64_t rows = plan_.tile.rows;
  llvm::Type *many = vector_of(memory_type(f_.context(), elem), plan_.a_pitch);
  const llvm::Align align(ir::bytes(elem));
  Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, m), f_.integer(rows)));
  auto copy = [&](Value *here, const Point &point, Value *mask) {
    std::vector<Value *> axes = axes_; // none yet, where the copy serves all outer points
    axes.resize(outer_, f_.integer(0));
    axes.push_back(here), axes.push_back(f_.integer(0));
    axes.insert(axes.end(), point.k.begin(), point.k.end());
    Value *from = address(f_, c_.a, axes, values_);
    llvm::Instruction *loaded = f_.b.CreateMaskedLoad(many, from, align, mask, llvm::Constant::getNullValue(many));
    f_.mark(loaded, c_.a.buffer);
    Value *tile = copy_of_tile(f_.b.CreateUDiv(f_.b.CreateSub(here, m), f_.integer(rows)));
    Value *to = f_.b.CreateInBoundsGEP(scalar_, tile, f_.b.CreateMul(point.in_chunk, f_.integer(plan_.a_pitch)));
    f_.b.CreateAlignedStore(emit_convert(f_.b, loaded, c_.elem), to, llvm::Align(ir::bytes(c_.elem)));
  };
  over_k(chunk, {chunk.first, chunk.end}, [&](const Point &point) {
    f_.loop(m, whole, rows, [&](Value *here) { copy(here, point, lanes_below(f_, f_.integer(rows), plan_.a_pitch, 0)); });
    if (c_.m.is_constant() && c_.m.c[0] % rows == 0) return;
    f_.when(f_.b.CreateICmpSLT(whole, end),
            [&] { copy(whole, point, lanes_below(f_, f_.b.CreateSub(end, whole), plan_.a_pitch, 0)); });
  });
}

std::vector<Value *> ContractionLowering::addresses_of_a(const Rows &rows, const Point &point) {
  std::vector<Value *> addresses;
  if (rows.copy) {
    Value *first = f_.b.CreateInBoundsGEP(scalar_, rows.copy, f_.b.CreateMul(point.in_chunk, f_.integer(plan_.a_pitch)));
    for (int row = 0; row < rows.count; ++row) addresses.push_back(f_.b.CreateConstInBoundsGEP1_64(scalar_, first, row));
    return addresses;
  }
  auto at = [&](Value *row) {
    Block block;
    block.axes = axes_;
    block.axes.push_back(row), block.axes.push_back(f_.integer(0));
    block.axes.insert(block.axes.end(), point.k.begin(), point.k.end());
    return block;
  };
  bool is_indirect = !c_.a.indirect.empty();
  llvm::Type *type = memory_type(f_.context(), f_.form.buffers[c_.a.buffer].elem);
  for (int row = 0; row < rows.count; ++row) {
    Block block = at(row == 0 ? rows.m : f_.b.CreateAdd(rows.m, f_.integer(row)));
    if (row == 0 || is_indirect) {
      emit_indices(c_.a, block);
      addresses.push_back(address(f_, c_.a, block.axes, values_));
    } else {
      addresses.push_back(
          f_.b.CreateInBoundsGEP(type, addresses[0], f_.b.CreateMul(f_.size(stride_of(c_.a, outer_)), f_.integer(row))));
    }
  }
  return addresses;
}

void ContractionLowering::multiply_add(const Columns &columns, const Rows &rows, const Point &point,
                                       const std::vector<Value *> &sums) {
  const ir::Elem elem = rows.copy ? c_.elem : f_.form.buffers[c_.a.buffer].elem;
  std::vector<Value *> b = columns_of_b(columns, point), a = addresses_of_a(rows, point);
  for (int row = 0; row < rows.count; ++row) {
    auto *element = f_.b.CreateAlignedLoad(memory_type(f_.context(), elem), a[row], llvm::Align(ir::bytes(elem)));
    if (!rows.copy) f_.mark(element, c_.a.buffer);
    Value *x = emit_convert(f_.b, element, c_.elem);
    if (plan_.width > 1) x = f_.b.CreateVectorSplat(plan_.width, x);
    for (int v = 0; v < columns.vectors; ++v) {
      Value *memory = sums[row * columns.vectors + v];
      f_.b.CreateStore(emit_fma(f_.b, f_.math(), x, b[v], f_.b.CreateLoad(vector_, memory)), memory);
    }
  }
}

void ContractionLowering::accumulate(const Columns &columns, const Rows &rows, const Chunk &chunk) {
  std::vector<Value *> sums;
  auto each = [&](auto &&body) {
    for (int i = 0; i < rows.count; ++i)
      for (int v = 0; v < columns.vectors; ++v) body(i, v, i * columns.vectors + v);
  };
  auto address = [&](int i, int v) { return sum_address(columns, f_.b.CreateAdd(rows.sum, f_.integer(i)), v); };
  each([&](int, int, int) {
    sums.push_back(f_.local(vector_));
    f_.b.CreateStore(llvm::Constant::getNullValue(vector_), sums.back());
  });
  if (plan_.splits_k)
    f_.when(f_.b.CreateNot(chunk.is_first),
            [&] { each([&](int i, int v, int at) { f_.b.CreateStore(f_.b.CreateLoad(vector_, address(i, v)), sums[at]); }); });
  f_.when(chunk.is_last, [&] { fetch_for_epilogue(columns, rows); });
  auto [first, end] = in_triangle(2, chunk.first, chunk.end, 0, rows.m, rows.count);
  std::tie(first, end) = in_triangle(2, first, end, 1, columns.n, int64_t{plan_.width} * columns.vectors);
  over_k(chunk, {first, end}, [&](const Point &point) { multiply_add(columns, rows, point, sums); });
  auto keep = [&] { each([&](int i, int v, int at) { f_.b.CreateStore(f_.b.CreateLoad(vector_, sums[at]), address(i, v)); }); };
  if (!plan_.ends_in_registers) return keep();
  f_.when(f_.b.CreateNot(chunk.is_last), keep);
  f_.when(chunk.is_last, [&] {
    for (int i = 0; i < rows.count; ++i) {
      std::vector<Value *> row;
      for (int v = 0; v < columns.vectors; ++v) row.push_back(f_.b.CreateLoad(vector_, sums[i * columns.vectors + v]));
      epilogue(columns, f_.b.CreateAdd(rows.m, f_.integer(i)), std::move(row));
    }
  });
}

} // namespace nnc::codegen
