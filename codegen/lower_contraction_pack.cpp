// The panel: b for one tile of n and one chunk of k, vectors in the order in which the tile reads them. Lanes past the end of n hold numbers
// of no meaning, which only reach lanes that are never stored.

#include "codegen/lower_contraction.h"

namespace nnc::codegen {

using llvm::Value;

Value *ContractionLowering::panel_address(Value *row, Value *vector) {
  Value *offset = f_.b.CreateMul(row, f_.integer(int64_t{plan_.width} * plan_.tile.vectors));
  return f_.b.CreateInBoundsGEP(scalar_, panel_, f_.b.CreateAdd(offset, f_.b.CreateMul(vector, f_.integer(plan_.width))));
}

void ContractionLowering::pack(const Columns &columns, Value *k_first, Value *k_end) {
  plan_.panel == Panel::transposed ? pack_transposed(columns, k_first, k_end) : pack_copied(columns, k_first, k_end);
}

void ContractionLowering::pack_copied(const Columns &columns, Value *k_first, Value *k_end) {
  over_k(k_first, k_end, [&](const std::vector<Value *> &k, Value *number) {
    Block block = block_at(columns, f_.integer(0));
    block.axes.insert(block.axes.end(), k.begin(), k.end());
    emit_indices(c_.b, block);
    Computed b = spread(f_, load(f_, c_.b, block, values_), block);
    for (int v = 0; v < columns.vectors; ++v)
      f_.b.CreateStore(emit_convert(f_.b, b.parts[v], c_.elem), panel_address(number, f_.integer(v)));
  });
}

/// A square of vectors turned over: in each round, pairs of vectors `distance` apart trade blocks of that many lanes.
static void transpose(llvm::IRBuilderBase &b, std::vector<Value *> &rows) {
  int width = static_cast<int>(rows.size());
  for (int distance = 1; distance < width; distance *= 2) {
    std::vector<int> low(width), high(width);
    for (int lane = 0; lane < width; ++lane) {
      bool from_second = lane & distance;
      low[lane] = from_second ? width + lane - distance : lane;
      high[lane] = from_second ? width + lane : lane + distance;
    }
    for (int first = 0; first < width; ++first) {
      if (first & distance) continue;
      Value *x = rows[first], *y = rows[first + distance];
      rows[first] = b.CreateShuffleVector(x, y, low);
      rows[first + distance] = b.CreateShuffleVector(x, y, high);
    }
  }
}

/// b is contiguous along the last summed axis: squares of `width` elements of k by `width` of n.
void ContractionLowering::pack_transposed(const Columns &columns, Value *k_first, Value *k_end) {
  int width = plan_.width;
  ir::Elem elem = f_.form.buffers[c_.b.buffer].elem;
  llvm::Type *type = memory_type(f_.context(), elem);
  Value *last = f_.b.CreateSub(f_.size(c_.n), f_.integer(1));
  std::vector<Value *> k;
  auto square = [&](Value *k_here, Value *remaining, Value *number) {
    Value *mask = remaining ? lanes_below(f_, remaining, width, 0) : nullptr;
    f_.loop(f_.integer(0), f_.integer(columns.vectors), 1, [&](Value *v) {
      Value *n = f_.b.CreateAdd(columns.n, f_.b.CreateMul(v, f_.integer(width)));
      std::vector<Value *> rows;
      for (int lane = 0; lane < width; ++lane) {
        std::vector<Value *> axes = axes_;
        Value *column = f_.b.CreateAdd(n, f_.integer(lane)); // the last one again where n ends
        axes.push_back(f_.integer(0)), axes.push_back(f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, column, last));
        axes.insert(axes.end(), k.begin(), k.end());
        axes.push_back(k_here);
        Value *from = address(f_, c_.b, axes, values_);
        llvm::Align align(ir::bytes(elem));
        llvm::Type *many = vector_of(type, width);
        auto *loaded = mask ? static_cast<llvm::Instruction *>(
                                  f_.b.CreateMaskedLoad(many, from, align, mask, llvm::Constant::getNullValue(many)))
                            : f_.b.CreateAlignedLoad(many, from, align);
        rows.push_back(emit_convert(f_.b, f_.mark(loaded, c_.b.buffer), c_.elem));
      }
      transpose(f_.b, rows);
      for (int lane = 0; lane < width; ++lane)
        f_.b.CreateStore(rows[lane], panel_address(f_.b.CreateAdd(number, f_.integer(lane)), v));
    });
  };
  auto axis = [&](auto &self, size_t at, Value *position) -> void {
    Value *first = at == 0 ? k_first : f_.integer(0), *extent = f_.size(c_.k[at]), *end = at == 0 ? k_end : extent;
    Value *base = at == 0 ? f_.b.CreateNeg(first) : f_.b.CreateMul(position, extent);
    if (at + 1 < c_.k.size())
      return f_.loop(first, end, 1, [&](Value *index) {
        k.push_back(index);
        self(self, at + 1, f_.b.CreateAdd(base, index));
        k.pop_back();
      });
    Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, first), f_.integer(width)));
    f_.loop(first, whole, width, [&](Value *index) { square(index, nullptr, f_.b.CreateAdd(base, index)); });
    f_.when(f_.b.CreateICmpSLT(whole, end), [&] { square(whole, f_.b.CreateSub(end, whole), f_.b.CreateAdd(base, whole)); });
  };
  axis(axis, 0, f_.integer(0));
}

} // namespace nnc::codegen
