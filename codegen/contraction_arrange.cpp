// Which of its free axes a contraction tiles: m, whose elements of `a` go to all lanes one after the other, and n, along which the lanes lie. A
// convolution has several of each, and the gradient of its weights has few columns and many summed points, so the better choice may be any pair, and `a`
// may be the other operand.

#include "codegen/contraction_plan.h"

#include <algorithm>
#include <cstdlib>

namespace nnc::codegen {

namespace {

bool is_still(const Access &access, size_t axis) { return stride_of(access, axis).is_zero(); }

/// Axes i and k of the nest, outer ones and then m and n, in each other's place.
Kernel exchanged(Kernel kernel, size_t i, size_t k) {
  if (i == k) return kernel;
  Contraction &c = *kernel.contraction;
  auto exchange = [&](Access &access) {
    if (access.strides.size() <= std::min(i, k)) return;
    access.strides.resize(std::max({access.strides.size(), i + 1, k + 1}));
    std::swap(access.strides[i], access.strides[k]);
  };
  for (Instruction &instruction : kernel.values) {
    exchange(instruction.access);
    if (instruction.code != Code::axis) continue;
    if (instruction.axis == static_cast<int>(i))
      instruction.axis = static_cast<int>(k);
    else if (instruction.axis == static_cast<int>(k))
      instruction.axis = static_cast<int>(i);
  }
  exchange(c.a), exchange(c.b);
  if (auto &triangle = kernel.triangle)
    for (int *axis : {&triangle->row, &triangle->column})
      *axis = *axis == static_cast<int>(i) ? static_cast<int>(k) : *axis == static_cast<int>(k) ? static_cast<int>(i) : *axis;
  const size_t outer = kernel.axes.size();
  auto extent = [&](size_t axis) -> Size & { return axis < outer ? kernel.axes[axis] : axis == outer ? c.m : c.n; };
  std::swap(extent(i), extent(k));
  kernel.stages[0].axes = {c.m, c.n};
  return kernel;
}

/// The same products with m and n, a and b exchanged.
Kernel turned(Kernel kernel) {
  const size_t outer = kernel.axes.size();
  kernel = exchanged(std::move(kernel), outer, outer + 1);
  std::swap(kernel.contraction->a, kernel.contraction->b);
  return kernel;
}

/// Whether lanes that lie along n are neighbours in memory.
bool is_contiguous(const Access &access, size_t n) { return stride_of(access, n) == Size(1); }

/// Whether neighbours along an axis are in one page or the next.
bool is_near(const Access &access, size_t axis) {
  constexpr int64_t far = 1024;
  const Size stride = stride_of(access, axis);
  return stride.is_constant() && std::abs(stride.c[0]) < far;
}

/// Cycles or so of the whole kernel per summed point: products, the packing of b where its lanes are apart, and, shared among all summed points, stores
/// that are apart.
double cycles(const Kernel &kernel, const Processor &target) {
  const Contraction &c = *kernel.contraction;
  const size_t n = kernel.axes.size() + 1;
  const double width = target.lanes(ir::bytes(c.elem)),
               vectors = static_cast<double>((usual_extent(c.n) + static_cast<int64_t>(width) - 1) / static_cast<int64_t>(width));
  double sum = tile_cycles(kernel, target), points = 1, outer = 1;
  for (const Size &k : c.k) points *= static_cast<double>(usual_extent(k));
  for (const Size &extent : kernel.axes) outer *= static_cast<double>(usual_extent(extent));
  if (!is_contiguous(c.b, n) && !can_pack(kernel)) {
    const bool along_k = is_contiguous(c.b, n + c.k.size());
    const double packing = vectors * (along_k && is_near(c.b, n) ? 12 : width);
    const bool is_once = is_same_at_all(c.b, kernel.axes.size()) && plan_contraction(kernel, target).keeps_all;
    sum += is_once ? packing / outer : packing;
  }
  for (const Instruction &instruction : kernel.values)
    if (instruction.code == Code::store && !is_contiguous(instruction.access, n))
      sum += static_cast<double>(usual_extent(c.m)) * vectors * width / points;
  return sum * outer;
}

} // namespace

Kernel arrange_contraction(const Kernel &kernel, const Processor &target) {
  constexpr double enough = 0.95; // of the cycles of the arrangement as it came, which follows memory
  const size_t m = kernel.axes.size(), n = m + 1;
  const Contraction &c = *kernel.contraction;
  std::vector<size_t> rows = {m}, columns = {n};
  for (size_t axis = 0; axis < m; ++axis) {
    if (c.b.indirect.empty() && is_still(c.b, axis)) rows.push_back(axis);
    if (c.a.indirect.empty() && is_still(c.a, axis)) columns.push_back(axis);
  }
  Kernel best = kernel;
  double least = cycles(kernel, target) * enough;
  for (size_t row : rows)
    for (size_t column : columns)
      for (bool turns : {false, true}) {
        Kernel other = exchanged(exchanged(kernel, row, m), column, n);
        if (turns) other = turned(std::move(other));
        const double here = cycles(other, target);
        if (here < least) least = here, best = std::move(other);
      }
  return best;
}

} // namespace nnc::codegen
