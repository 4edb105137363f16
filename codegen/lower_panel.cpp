#include "codegen/lower_panel.h"

#include "codegen/contraction_plan.h"
#include "codegen/sharing.h"

#include <algorithm>

namespace nnc::codegen {

using llvm::Value;

namespace {

/// A square of vectors turned over: in each round, pairs of vectors `distance` apart trade blocks of that many lanes.
void transpose(llvm::IRBuilderBase &b, std::vector<Value *> &rows) {
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

class PanelFilling {
public:
  PanelFilling(KernelFunction &f, const PanelSource &source, const PanelColumns &columns)
      : f_(f), source_(source), columns_(columns), scalar_(register_type(f.context(), source.elem)), k_(source.k_before) {}

  void run(PanelOrder order, Value *k_first, Value *k_end) {
    k_first_ = k_first, k_end_ = k_end;
    axis(k_.size(), f_.integer(0), order);
  }

private:
  /// Loops over the summed axes from number `at` on; `position` numbers the point of those before.
  void axis(size_t at, Value *position, PanelOrder order) {
    const bool is_first = at == source_.k_before.size();
    Value *first = is_first ? k_first_ : f_.integer(0), *extent = f_.size(source_.k[at]), *end = is_first ? k_end_ : extent;
    Value *base = is_first ? f_.b.CreateNeg(first) : f_.b.CreateMul(position, extent);
    const bool is_last = at + 1 == source_.k.size();
    if (is_last && order == PanelOrder::along_k) return squares(first, end, base);
    f_.loop(first, end, 1, [&](Value *index) {
      Value *number = f_.b.CreateAdd(base, index);
      k_.push_back(index);
      is_last ? row(number) : axis(at + 1, number, order);
      k_.pop_back();
    });
  }

  Value *address_in_panel(Value *row, Value *vector) {
    Value *offset = f_.b.CreateMul(row, f_.integer(int64_t{columns_.width} * columns_.stride));
    return f_.b.CreateInBoundsGEP(scalar_, columns_.memory,
                                  f_.b.CreateAdd(offset, f_.b.CreateMul(vector, f_.integer(columns_.width))));
  }

  void row(Value *number) {
    Block block;
    block.axes = source_.before;
    block.axes.push_back(columns_.n);
    block.axes.insert(block.axes.end(), k_.begin(), k_.end());
    if (columns_.width > 1) {
      block.lane_axis = static_cast<int>(source_.before.size());
      block.width = columns_.width, block.vectors = columns_.vectors;
      block.masks.assign(columns_.vectors, nullptr);
      block.masks.back() = columns_.last_mask;
    }
    if (source_.emit_indices) source_.emit_indices(block);
    Computed b = spread(f_, load(f_, source_.access, block, source_.values), block);
    for (int v = 0; v < columns_.vectors; ++v)
      f_.b.CreateStore(emit_convert(f_.b, b.parts[v], source_.elem), address_in_panel(number, f_.integer(v)));
  }

  void squares(Value *first, Value *end, Value *base) {
    const int width = columns_.width;
    Value *whole = f_.b.CreateSub(end, f_.b.CreateURem(f_.b.CreateSub(end, first), f_.integer(width)));
    f_.loop(first, whole, width, [&](Value *index) { square(index, nullptr, f_.b.CreateAdd(base, index)); });
    f_.when(f_.b.CreateICmpSLT(whole, end), [&] { square(whole, f_.b.CreateSub(end, whole), f_.b.CreateAdd(base, whole)); });
  }

  /// `width` elements of k from `here`, of which `remaining` are there (null: all), by the columns, `width` at a time.
  void square(Value *here, Value *remaining, Value *number) {
    const int width = columns_.width;
    ir::Elem stored = f_.form.buffers[source_.access.buffer].elem;
    llvm::Type *type = memory_type(f_.context(), stored), *many = vector_of(type, width);
    llvm::Align align(ir::bytes(stored));
    Value *last = f_.b.CreateSub(f_.size(source_.n), f_.integer(1));
    Value *mask = remaining ? lanes_below(f_, remaining, width, 0) : nullptr;
    f_.loop(f_.integer(0), f_.integer(columns_.vectors), 1, [&](Value *v) {
      Value *n = f_.b.CreateAdd(columns_.n, f_.b.CreateMul(v, f_.integer(width)));
      std::vector<Value *> rows;
      for (int lane = 0; lane < width; ++lane) {
        std::vector<Value *> axes = source_.before;
        Value *column = f_.b.CreateAdd(n, f_.integer(lane)); // the last one again where n ends
        axes.push_back(f_.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, column, last));
        axes.insert(axes.end(), k_.begin(), k_.end());
        axes.push_back(here);
        Value *from = address(f_, source_.access, axes, source_.values);
        if (!f_.form.buffers[source_.access.buffer].near) fetch_next(from);
        llvm::Instruction *loaded = mask ? static_cast<llvm::Instruction *>(
                                               f_.b.CreateMaskedLoad(many, from, align, mask, llvm::Constant::getNullValue(many)))
                                         : f_.b.CreateAlignedLoad(many, from, align);
        rows.push_back(emit_convert(f_.b, f_.mark(loaded, source_.access.buffer), source_.elem));
      }
      transpose(f_.b, rows);
      for (int lane = 0; lane < width; ++lane)
        f_.b.CreateStore(rows[lane], address_in_panel(f_.b.CreateAdd(number, f_.integer(lane)), v));
    });
  }

  /// What the next panel has where this one has `from`.
  void fetch_next(Value *from) {
    constexpr unsigned read = 0, first_level = 3, data = 1;
    Value *columns = f_.size(stride_of(source_.access, source_.before.size()) * Size(int64_t{columns_.width} * columns_.stride));
    Value *next = f_.b.CreateGEP(memory_type(f_.context(), f_.form.buffers[source_.access.buffer].elem), from, columns);
    f_.b.CreateIntrinsic(llvm::Intrinsic::prefetch, {next->getType()},
                         {next, f_.b.getInt32(read), f_.b.getInt32(first_level), f_.b.getInt32(data)});
  }

  KernelFunction &f_;
  const PanelSource &source_;
  const PanelColumns &columns_;
  llvm::Type *scalar_;
  Value *k_first_ = nullptr, *k_end_ = nullptr;
  std::vector<Value *> k_;
};

} // namespace

PanelOrder panel_order(const PanelSource &source, int width) {
  const size_t n = source.before.size();
  bool turned = width > 1 && source.access.indirect.empty() && !(stride_of(source.access, n) == Size(1)) &&
                stride_of(source.access, n + source.k.size()) == Size(1);
  return turned ? PanelOrder::along_k : PanelOrder::along_n;
}

void fill_panel(KernelFunction &f, const PanelSource &source, const PanelColumns &columns, PanelOrder order, Value *k_first,
                Value *k_end) {
  PanelFilling(f, source, columns).run(order, k_first, k_end);
}

namespace {

/// Lanes of the vectors that a panel's rows consist of.
int packing_lanes(const Packing &p, const Processor &target) {
  return static_cast<int>(std::min<int64_t>(target.lanes(ir::bytes(p.elem)), p.width));
}

} // namespace

void lower_packing(KernelFunction &f) {
  const Packing &p = *f.kernel.packing;
  const Size rows = points_of(p.k);
  Computations values;
  const PanelSource source{p.from, {}, p.n, p.k, {}, p.elem, values};
  const int width = packing_lanes(p, f.target), vectors = static_cast<int>(p.width / width);
  // Turned squares may be written past a panel's rows, which threads would do to each other's panels: only where they come out even.
  PanelOrder order = panel_order(source, width);
  if (order == PanelOrder::along_k && (!p.k.back().is_constant() || p.k.back().c[0] % width != 0)) order = PanelOrder::along_n;
  f.loop(f.begin, f.end, 1, [&](Value *panel) {
    Value *n = f.b.CreateMul(panel, f.integer(p.width)), *end = f.size(p.n);
    Value *offset = f.b.CreateMul(n, f.size(rows));
    Value *memory = f.b.CreateInBoundsGEP(register_type(f.context(), p.elem), f.base(p.to), offset);
    auto fill = [&](int count, Value *mask) {
      fill_panel(f, source, {n, width, count, mask, memory, vectors}, order, f.integer(0), f.size(p.k[0]));
    };
    Value *is_whole = f.b.CreateICmpSLE(f.b.CreateAdd(n, f.integer(p.width)), end);
    f.when(is_whole, [&] { fill(vectors, nullptr); });
    const int64_t rest = p.n.c[0] % p.width;
    if (rest == 0) return;
    const int some = static_cast<int>((rest + width - 1) / width);
    f.when(f.b.CreateNot(is_whole),
           [&] { fill(some, rest % width == 0 ? nullptr : lanes_below(f, f.integer(rest % width), width, 0)); });
  });
}

Sharing packing_sharing(const Kernel &kernel) {
  constexpr double element = 0.15; // nanoseconds or so
  const Packing &p = *kernel.packing;
  Sharing sharing;
  sharing.extent = Size((p.n.c[0] + p.width - 1) / p.width);
  sharing.points = p.k;
  sharing.points.push_back(p.n);
  sharing.work = element;
  return sharing;
}

} // namespace nnc::codegen
