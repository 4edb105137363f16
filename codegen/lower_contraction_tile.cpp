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
  if (plan_.panel == Panel::private_) return panel_;
  Value *rows = f_.b.CreateMul(f_.size(inner_points(c_.k)), f_.size(c_.k[0]));
  Value *offset = f_.b.CreateAdd(f_.size(c_.b.constant), f_.b.CreateMul(columns.n, rows));
  return f_.b.CreateInBoundsGEP(scalar_, f_.base(c_.b.buffer), offset);
}

void ContractionLowering::pack(const Columns &columns, const Chunk &chunk) {
  std::vector<Value *> before = axes_;
  before.push_back(f_.integer(0)); // m
  const PanelSource source{c_.b, before, c_.n, c_.k, c_.elem, values_, [&](const Block &block) { emit_indices(c_.b, block); }};
  fill_panel(f_, source, {columns.n, plan_.width, columns.vectors, columns.last_mask, panel_, plan_.tile.vectors},
             panel_order(source, plan_.width), chunk.first, chunk.end);
}

/// Calls body at each point of the summed axes in a chunk, with the number of its row in the panel.
void ContractionLowering::over_k(const Chunk &chunk, const std::function<void(const std::vector<Value *> &, Value *)> &body) {
  std::vector<Value *> k;
  auto axis = [&](auto &self, size_t number, Value *position) -> void {
    if (number == c_.k.size()) return body(k, position);
    Value *extent = f_.size(c_.k[number]);
    f_.loop(number == 0 ? chunk.first : f_.integer(0), number == 0 ? chunk.end : extent, 1, [&](Value *index) {
      k.push_back(index);
      Value *within = index;
      if (number > 0)
        within = f_.b.CreateAdd(f_.b.CreateMul(position, extent), index);
      else if (plan_.panel == Panel::private_)
        within = f_.b.CreateSub(index, chunk.first);
      self(self, number + 1, within);
      k.pop_back();
    });
  };
  axis(axis, 0, f_.integer(0));
}

std::vector<Value *> ContractionLowering::columns_of_b(const Columns &columns, const std::vector<Value *> &k, Value *packed_row) {
  std::vector<Value *> parts;
  if (plan_.panel != Panel::none) {
    const int bytes = ir::bytes(c_.elem);
    const int64_t width = int64_t{plan_.width} * plan_.tile.vectors;
    Value *row = f_.b.CreateInBoundsGEP(scalar_, panel_of(columns), f_.b.CreateMul(packed_row, f_.integer(width)));
    // Panels start at 64 bytes, where their vectors are as wide as the widest registers.
    const bool aligned = plan_.panel == Panel::private_ || width * bytes % 64 == 0;
    for (int v = 0; v < columns.vectors; ++v) {
      Value *at = f_.b.CreateConstInBoundsGEP1_64(scalar_, row, int64_t{v} * plan_.width);
      parts.push_back(f_.b.CreateAlignedLoad(vector_, at, llvm::Align(aligned ? plan_.width * bytes : bytes)));
      if (plan_.panel == Panel::given) f_.mark(llvm::cast<llvm::Instruction>(parts.back()), c_.b.buffer);
    }
    return parts;
  }
  Block block = block_at(columns, f_.integer(0));
  block.axes.insert(block.axes.end(), k.begin(), k.end());
  emit_indices(c_.b, block);
  Computed b = spread(f_, load(f_, c_.b, block, values_), block);
  for (Value *part : b.parts) parts.push_back(emit_convert(f_.b, part, c_.elem));
  return parts;
}

std::vector<Value *> ContractionLowering::addresses_of_a(int rows, Value *m, const std::vector<Value *> &k) {
  auto point = [&](Value *row) {
    Block block;
    block.axes = axes_;
    block.axes.push_back(row), block.axes.push_back(f_.integer(0));
    block.axes.insert(block.axes.end(), k.begin(), k.end());
    return block;
  };
  bool is_indirect = !c_.a.indirect.empty();
  llvm::Type *type = memory_type(f_.context(), f_.form.buffers[c_.a.buffer].elem);
  Size along_m = outer_ < c_.a.strides.size() ? c_.a.strides[outer_] : Size(0);
  std::vector<Value *> addresses;
  for (int row = 0; row < rows; ++row) {
    Block block = point(row == 0 ? m : f_.b.CreateAdd(m, f_.integer(row)));
    if (row == 0 || is_indirect) {
      emit_indices(c_.a, block);
      addresses.push_back(address(f_, c_.a, block.axes, values_));
    } else {
      addresses.push_back(f_.b.CreateInBoundsGEP(type, addresses[0], f_.b.CreateMul(f_.size(along_m), f_.integer(row))));
    }
  }
  return addresses;
}

void ContractionLowering::multiply_add(const Columns &columns, int rows, Value *m, const std::vector<Value *> &k,
                                       Value *packed_row, const std::vector<Value *> &sums) {
  ir::Elem elem = f_.form.buffers[c_.a.buffer].elem;
  std::vector<Value *> b = columns_of_b(columns, k, packed_row), a = addresses_of_a(rows, m, k);
  for (int row = 0; row < rows; ++row) {
    auto *element = f_.b.CreateAlignedLoad(memory_type(f_.context(), elem), a[row], llvm::Align(ir::bytes(elem)));
    f_.mark(element, c_.a.buffer);
    Value *x = emit_convert(f_.b, element, c_.elem);
    if (plan_.width > 1) x = f_.b.CreateVectorSplat(plan_.width, x);
    for (int v = 0; v < columns.vectors; ++v) {
      Value *memory = sums[row * columns.vectors + v];
      f_.b.CreateStore(emit_fma(f_.b, f_.math(), x, b[v], f_.b.CreateLoad(vector_, memory)), memory);
    }
  }
}

void ContractionLowering::accumulate(const Columns &columns, int rows, Value *m, Value *row, const Chunk &chunk) {
  std::vector<Value *> sums;
  auto each = [&](auto &&body) {
    for (int i = 0; i < rows; ++i)
      for (int v = 0; v < columns.vectors; ++v) body(i, v, i * columns.vectors + v);
  };
  auto address = [&](int i, int v) { return sum_address(columns, f_.b.CreateAdd(row, f_.integer(i)), v); };
  llvm::Constant *zero = llvm::Constant::getNullValue(vector_);
  each([&](int i, int v, int) {
    sums.push_back(f_.local(vector_));
    Value *start = zero;
    if (plan_.splits_k) start = f_.b.CreateSelect(chunk.is_first, zero, f_.b.CreateLoad(vector_, address(i, v)));
    f_.b.CreateStore(start, sums.back());
  });
  over_k(chunk, [&](const std::vector<Value *> &k, Value *number) { multiply_add(columns, rows, m, k, number, sums); });
  each([&](int i, int v, int at) { f_.b.CreateStore(f_.b.CreateLoad(vector_, sums[at]), address(i, v)); });
}

} // namespace nnc::codegen
