#include "codegen/contraction_tile.h"

#include "ir/builder.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <span>

namespace nnc::codegen {

namespace {

/// Tiles whose accumulators, vectors of b and one of a fit the registers.
std::span<const Tile> tiles(const Processor &target) {
  static constexpr Tile wide[] = {{12, 2}, {8, 3}, {6, 4}, {8, 2}, {24, 1}, {3, 8}, {1, 16}}; // 32 registers
  static constexpr Tile narrow[] = {{6, 2}, {4, 3}, {12, 1}, {2, 4}, {1, 8}};                 // 16 registers
  static constexpr Tile unfused[] = {{4, 2}, {8, 1}, {2, 4}, {1, 8}}; // and a product needs one of its own
  if (target.registers >= 32) return wide;
  if (target.fma) return narrow;
  return unfused;
}

/// Tiles such that no stretch of a triangle ends within one.
std::span<const Tile> tiles_in_stretches(const Processor &target) {
  static constexpr Tile wide[] = {{8, 2}}, narrow[] = {{4, 2}};
  return target.registers >= 32 ? std::span<const Tile>(wide) : narrow;
}

/// Half cycles or so of one step along k: multiply-adds at two a cycle, loads at somewhat fewer, and chains of sums, each of which waits four cycles for
/// its last product. Measured on tiles whose operands lie in the first-level cache: of AVX2's 6×2, 4×3, 2×4, 12×1 at 100, 100, 86, 76% of the peak.
double step_cycles(int64_t rows, int64_t vectors) {
  return std::max({static_cast<double>(rows * vectors), 1.2 * static_cast<double>(rows + vectors), 9.0});
}

double product_cycles(Tile tile, int64_t m, int64_t vectors) {
  int64_t rows_left = m % tile.rows, vectors_left = vectors % tile.vectors;
  auto column = [&](int64_t v) {
    return v == 0 ? 0
                  : static_cast<double>(m / tile.rows) * step_cycles(tile.rows, v) + (rows_left ? step_cycles(rows_left, v) : 0);
  };
  return static_cast<double>(vectors / tile.vectors) * column(tile.vectors) + column(vectors_left);
}

/// Half cycles or so of one step along k of all rows for the lines of a that a tile cannot keep in the first-level cache: its rows lie apart, each in stretches
/// along k too short for the processor to follow. Measured on a 5×5 window over rows of 14: with 24 examples for rows four times those of 10 neighbours.
double line_cycles(const Kernel &kernel, Tile tile, int64_t m, const Processor &target) {
  constexpr double one_line = 8;
  const Contraction &c = *kernel.contraction;
  const Size along_m = stride_of(c.a, kernel.axes.size()), along_k = stride_of(c.a, kernel.axes.size() + 1 + c.k.size());
  const int64_t bytes = ir::bytes(c.elem);
  if (!c.a.indirect.empty() || !is_apart(along_m, c.elem, cache_line) || !along_k.is_constant()) return 0;
  const int64_t step = std::abs(along_k.c[0]) * bytes, stretch = usual_extent(c.k.back()) * step;
  if (step == 0 || stretch >= 2 * cache_line) return 0;
  const double lines =
      step >= cache_line ? 1 : 1 / static_cast<double>(std::min(usual_extent(c.k.back()), cache_line / step)); // a point
  double points = 1;
  for (const Size &extent : c.k) points *= static_cast<double>(usual_extent(extent));
  const double kept = std::min(points, static_cast<double>(longest_k)) * tile.rows * lines * cache_line;
  return kept > static_cast<double>(first_level(target)) ? one_line * static_cast<double>(m) * lines : 0;
}

/// The tile of fewest cycles, and those of a step along k of all rows and columns.
std::pair<Tile, double> least(const Kernel &kernel, int width, const Processor &target) {
  const Contraction &c = *kernel.contraction;
  const int across = axis_across(kernel, width);
  const int64_t m = usual_extent(c.m),
                vectors = across < 0 ? (usual_extent(c.n) + width - 1) / width : usual_extent(kernel.axes[across]);
  std::pair<Tile, double> best{{}, 0};
  for (Tile tile : kernel.triangle ? tiles_in_stretches(target) : tiles(target)) {
    const int64_t columns = (vectors + tile.vectors - 1) / tile.vectors;
    double cycles = product_cycles(tile, m, vectors) + static_cast<double>(columns) * line_cycles(kernel, tile, m, target);
    // Of equals the one that leaves no rest, which threads can part evenly and whose loads are the fewest.
    cycles *= 1 + 0.001 * ((m % tile.rows != 0) + (vectors % tile.vectors != 0));
    if (best.second == 0 || cycles < best.second) best = {tile, cycles};
  }
  if (across >= 0) best.second /= static_cast<double>(vectors); // of one point of the outer axes
  return best;
}

} // namespace

int64_t first_level(const Processor &target) { return target.registers >= 32 ? 42 << 10 : 28 << 10; }

bool is_apart(const Size &stride, ir::Elem elem, int64_t bytes) {
  return !stride.is_constant() || stride.c[0] * ir::bytes(elem) >= bytes;
}

int64_t usual_extent(const Size &size) {
  return size.is_constant() ? size.c[0] : std::max<int64_t>(size.at(ir::usual_examples), 1);
}

int lanes_of(const Contraction &c, const Processor &target) {
  int width = target.lanes(ir::bytes(c.elem));
  if (!c.n.is_constant()) return width;
  return static_cast<int>(std::min<int64_t>(width, std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(c.n.c[0], 1)))));
}

int axis_across(const Kernel &kernel, int width) {
  const Contraction &c = *kernel.contraction;
  const size_t n = kernel.axes.size() + 1;
  if (!c.n.is_constant() || c.n.c[0] > width || width == 1 || c.panel || kernel.triangle || !c.a.indirect.empty()) return -1;
  if (!c.b.indirect.empty() || !(stride_of(c.b, n) == Size(1))) return -1;
  for (size_t axis = kernel.axes.size(); axis-- > 0;)
    if (stride_of(c.a, axis).is_zero() && usual_extent(kernel.axes[axis]) > 1) return static_cast<int>(axis);
  return -1;
}

Tile best_tile(const Kernel &kernel, int width, const Processor &target) { return least(kernel, width, target).first; }

double tile_cycles(const Kernel &kernel, const Processor &target) {
  return least(kernel, lanes_of(*kernel.contraction, target), target).second;
}

} // namespace nnc::codegen
