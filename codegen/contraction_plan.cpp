#include "codegen/contraction_plan.h"

#include "ir/builder.h"

#include <algorithm>
#include <bit>
#include <span>

namespace nnc::codegen {

namespace {

constexpr int64_t panel_bytes = 256 << 10;       // a panel stays in the second-level cache, and
constexpr int64_t columns_bytes = 512 << 10;     // so does b, for all of k, of a block's tiles of n,
constexpr int fewest_tiles = 8, most_tiles = 64; // of which there are so many
constexpr int most_row_tiles = 16;               // tiles of m in a block of rows that are not copied
constexpr int64_t longest_strided_k = 256;       // longest_k, where a's rows for one point are far from those for the next

/// Bytes of the second-level cache for a block's sums and copied rows.
int64_t second_level(const Processor &target) { return target.registers >= 32 ? 1 << 20 : 192 << 10; }

int64_t rounded_up(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

/// Tiles of n, or so.
int64_t column_tiles(const ContractionPlan &p, const Kernel &kernel) {
  const int64_t step = p.tile_points();
  return (usual_extent(extent_of(kernel, static_cast<size_t>(column_axis(p, kernel)))) + step - 1) / step;
}

/// Points of k for which a panel stays in the second-level cache.
int64_t panel_points(const ContractionPlan &p, const Contraction &c) {
  return panel_bytes / (int64_t{p.width} * p.tile.vectors * ir::bytes(c.elem));
}

/// Whether a's elements for one k are neighbours along m and those for the next far away.
bool is_strided(const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  const size_t m = kernel.axes.size();
  return c.a.indirect.empty() && stride_of(c.a, m) == Size(1) &&
         is_apart(stride_of(c.a, m + 1 + c.k.size()), c.elem, 2 * cache_line);
}

/// Points of a chunk of a long k, or so: few where rows are copied, so that b may stay where it is.
int64_t chunk_length(const Kernel &kernel) {
  if (!is_strided(kernel)) return 256;
  return kernel.axes.empty() ? 64 : 128;
}

/// The chunks of k: short enough for a panel of a chunk to stay in the first-level cache, where k is long; else as long as a panel may be.
void plan_chunks(ContractionPlan &p, const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  auto behind = [&](size_t axis) { return points_of(std::span(c.k).subspan(axis + 1)); };
  double usual = 1;
  for (const Size &extent : c.k) usual *= static_cast<double>(usual_extent(extent));
  const bool is_long = usual > static_cast<double>(is_strided(kernel) ? longest_strided_k : longest_k);
  const int64_t most = is_long ? chunk_length(kernel) : panel_points(p, c);
  size_t axis = 0;
  while (axis + 1 < c.k.size() && is_long && !(behind(axis).is_constant() && behind(axis).c[0] <= most)) ++axis;
  const Size inner = behind(axis);
  if (!inner.is_constant() || inner.is_zero()) return;
  p.chunk_axis = static_cast<int>(axis);
  p.k_chunk = is_long || !c.k[axis].is_constant() ? std::max<int64_t>(most / inner.c[0], 1) : c.k[axis].c[0];
  p.splits_k = axis > 0 || !c.k[axis].is_constant() || c.k[axis].c[0] > p.k_chunk;
  p.chunk_points = p.k_chunk * inner.c[0];
}

/// Whether the thread packs b itself.
bool wants_panel(const ContractionPlan &p, const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  const size_t outer = kernel.axes.size();
  if (p.across >= 0) return false;
  const bool contiguous = stride_of(c.b, outer + 1) == Size(1), is_reused = usual_extent(c.m) >= 4 * p.tile.rows;
  if (contiguous && !(is_reused && is_apart(stride_of(c.b, outer + 1 + c.k.size()), c.elem, few_sets))) return false;
  return p.chunk_points > 0 && p.chunk_points <= panel_points(p, c);
}

/// Outer axes that all read the same long operands, as those over the places of a window in a convolution's weights do, go inside the chunks.
void plan_passes(ContractionPlan &p, const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  const int64_t most_sums = (1 << 20) / ir::bytes(c.elem); // they are on the stack
  if (kernel.axes.empty() || !c.m.is_constant() || !c.n.is_constant()) return;
  const int64_t step = int64_t{p.width} * p.tile.vectors;
  const int64_t rows = rounded_up(c.m.c[0], p.tile.rows);
  int64_t points = 1;
  for (size_t axis = 0; axis < kernel.axes.size(); ++axis) {
    const Size &extent = kernel.axes[axis];
    if (!extent.is_constant() || extent.c[0] > most_sums) return;
    if (static_cast<int>(axis) != p.across) points *= extent.c[0];
  }
  const int64_t tiles = column_tiles(p, kernel);
  if (points > most_sums || rows > most_sums || points * rows * tiles * step > most_sums) return;
  p.keeps_all = true, p.block_rows = rows * points, p.block_tiles = tiles;
}

/// Such rows are copied where a copy serves several tiles of n or outer points.
void plan_copies(ContractionPlan &p, const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  constexpr int64_t most_copied = 256, fewest_uses = 3;
  int64_t uses = column_tiles(p, kernel);
  if (p.keeps_all && is_same_at_all(c.a, kernel.axes.size())) uses *= p.block_rows / rounded_up(c.m.c[0], p.tile.rows);
  if (uses < fewest_uses) return;
  const bool is_block = !p.keeps_all || c.m.c[0] <= int64_t{most_row_tiles} * p.tile.rows;
  if (is_strided(kernel) && is_block && p.chunk_points > 0 && p.chunk_points <= most_copied && p.width > 1 && p.tile.rows > 1)
    p.a_pitch = static_cast<int>(std::bit_ceil(static_cast<unsigned>(p.tile.rows)));
}

/// Rows of a that come from beyond the second-level cache, in stretches too short for the processor to see where they lead.
Ahead ahead_of(const ContractionPlan &p, const Kernel &kernel) {
  constexpr int64_t little = 256 << 10;
  const Contraction &c = *kernel.contraction;
  const size_t outer = kernel.axes.size();
  if (p.across >= 0) return Ahead::nothing;
  if (p.a_pitch) return p.keeps_all ? Ahead::nothing : Ahead::chunk;
  const bool are_rows = c.a.indirect.empty() && stride_of(c.a, outer + 2) == Size(1) && c.k.size() == 1 && c.k[0].is_constant();
  if (outer > 0 || !are_rows || p.panel == Panel::own) return Ahead::nothing;
  return usual_extent(c.m) * c.k[0].c[0] * ir::bytes(c.elem) > little ? Ahead::rows : Ahead::nothing;
}

/// Whether k is whole in one chunk, though its extent is known only when running.
bool is_one_chunk(const ContractionPlan &p, const Contraction &c) {
  return p.chunk_axis == 0 && usual_extent(c.k[0]) <= p.k_chunk;
}

/// The tiles of n in a block: those whose b stays in the second-level cache; all, or many, where rows are copied for them. A panel that is filled for the whole of
/// k serves all rows, and sums that one chunk makes do not have to leave the first-level cache: one.
int64_t tiles_of_block(const ContractionPlan &p, const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  const int64_t step = int64_t{p.width} * p.tile.vectors, all = column_tiles(p, kernel);
  if (p.splits_k ? is_one_chunk(p, c) : p.panel == Panel::own) return 1;
  if (p.a_pitch) return std::min<int64_t>(all, 2 * fewest_tiles);
  int64_t points = 1;
  for (const Size &extent : c.k) points *= usual_extent(extent);
  return std::min(all, std::clamp<int64_t>(columns_bytes / (points * step * ir::bytes(c.elem)), fewest_tiles, most_tiles));
}

/// The rows of m in a block: those which share the first-level cache with a panel; copied ones, with their sums, the second.
int64_t rows_of_block(const ContractionPlan &p, const Contraction &c, const Processor &target) {
  const int64_t bytes = ir::bytes(c.elem), step = int64_t{p.width} * p.tile.vectors;
  const int64_t all = rounded_up(usual_extent(c.m), p.tile.rows);
  if (p.a_pitch) {
    const int64_t copied = p.chunk_points * p.a_pitch / p.tile.rows;
    const int64_t most = std::max<int64_t>(second_level(target) / ((p.block_tiles * step + copied) * bytes), p.tile.rows);
    const int64_t blocks = (all + most - 1) / most;
    return rounded_up((all + blocks - 1) / blocks, p.tile.rows);
  }
  int64_t tiles = most_row_tiles;
  if (p.chunk_points > 0 && p.panel != Panel::own) {
    const int64_t free = first_level(target) - p.chunk_points * step * bytes;
    tiles = std::clamp(free / (p.chunk_points * bytes) / p.tile.rows, int64_t{2}, int64_t{most_row_tiles});
  }
  return c.m.is_constant() ? std::min(tiles * p.tile.rows, all) : tiles * p.tile.rows;
}

/// The share of the time that some threads work when they part `granules` among them, summed over numbers of threads.
double balance(int64_t granules) {
  double sum = 0;
  for (int64_t threads : {2, 4, 8, 16}) {
    const int64_t most = (granules + threads - 1) / threads;
    sum += static_cast<double>(granules) / static_cast<double>(threads * std::max<int64_t>(most, 1));
  }
  return sum;
}

/// Threads part the axis whose granules come out most evenly, the outermost such one.
void plan_sharing(ContractionPlan &p, const Kernel &kernel) {
  const size_t m = kernel.axes.size();
  auto granule_of = [&](size_t axis) -> int64_t {
    if (axis == static_cast<size_t>(column_axis(p, kernel))) return p.tile_points();
    return axis < m ? 1 : axis == m ? p.tile.rows : p.width; // all of n
  };
  double best = -1;
  for (size_t axis = 0; axis < m + 2; ++axis) {
    const int64_t extent = usual_extent(extent_of(kernel, axis)), granule = granule_of(axis);
    const int64_t granules = (extent + granule - 1) / granule;
    const double even = balance(granules);
    if (even <= best + 0.02) continue;
    best = even, p.shared_axis = static_cast<int>(axis), p.granule = granule;
  }
}

} // namespace

Size points_of(std::span<const Size> axes) {
  Size points(1);
  for (const Size &extent : axes) points = points * extent;
  return points;
}

bool is_same_at_all(const Access &operand, size_t outer) {
  for (size_t axis = 0; axis < outer; ++axis)
    if (!stride_of(operand, axis).is_zero()) return false;
  return operand.indirect.empty();
}

ContractionScratch contraction_scratch(const Kernel &kernel, const ContractionPlan &p) {
  ContractionScratch scratch;
  const int64_t row = int64_t{p.width} * p.tile.vectors;
  if (p.splits_k || !p.ends_in_registers) scratch.sums = (p.splits_k ? p.block_rows * p.block_tiles : p.tile.rows) * row;
  if (p.a_pitch) {
    scratch.tile_rows = p.chunk_points * p.a_pitch + p.width; // those of the next tile are in other sets of the first-level cache
    const int64_t rows = p.keeps_all ? rounded_up(kernel.contraction->m.c[0], p.tile.rows) : p.block_rows;
    scratch.rows = rows / p.tile.rows * scratch.tile_rows;
  }
  // A panel of squares turned over may end past the last row.
  if (p.panel == Panel::own) scratch.panel = (p.chunk_points + p.width) * row;
  return scratch;
}

bool can_pack(const Kernel &kernel) {
  const Contraction &c = *kernel.contraction;
  if (c.panel || !c.n.is_constant() || !is_same_at_all(c.b, kernel.axes.size())) return false;
  return std::all_of(c.k.begin(), c.k.end(), [](const Size &extent) { return extent.is_constant() && !extent.is_zero(); });
}

const Size &extent_of(const Kernel &kernel, size_t axis) {
  const Contraction &c = *kernel.contraction;
  return axis < kernel.axes.size() ? kernel.axes[axis] : axis == kernel.axes.size() ? c.m : c.n;
}

int column_axis(const ContractionPlan &p, const Kernel &kernel) {
  return p.across >= 0 ? p.across : static_cast<int>(kernel.axes.size()) + 1;
}

ContractionPlan plan_contraction(const Kernel &kernel, const Processor &target) {
  const Contraction &c = *kernel.contraction;
  ContractionPlan p{};
  p.width = lanes_of(c, target);
  p.tile = best_tile(kernel, p.width, target);
  p.across = axis_across(kernel, p.width);
  const Size &columns = extent_of(kernel, static_cast<size_t>(column_axis(p, kernel)));
  const int64_t in_vector = p.across < 0 ? p.width : 1;
  if (columns.is_constant())
    p.tile.vectors = static_cast<int>(std::min<int64_t>(p.tile.vectors, (columns.c[0] + in_vector - 1) / in_vector));
  if (c.m.is_constant()) {
    p.tile.rows = static_cast<int>(std::clamp<int64_t>(c.m.c[0], 1, p.tile.rows));
    if (int64_t rest = c.m.c[0] % p.tile.rows) p.fewer_rows = {static_cast<int>(rest)};
  } else {
    if (p.tile.rows > 3) p.fewer_rows.push_back(p.tile.rows / 3);
    if (p.tile.rows > 1) p.fewer_rows.push_back(1);
  }
  if (c.panel && c.panel != int64_t{p.width} * p.tile.vectors) throw ir::InternalError(kernel.name + ": packed for other tiles");
  plan_chunks(p, kernel);
  p.panel = c.panel ? Panel::given : wants_panel(p, kernel) ? Panel::own : Panel::none;
  if (p.splits_k && !is_one_chunk(p, c)) {
    plan_passes(p, kernel);
    plan_copies(p, kernel);
  }
  if (!p.keeps_all) {
    p.block_tiles = tiles_of_block(p, kernel);
    p.block_rows = rows_of_block(p, c, target);
  }
  p.ahead = ahead_of(p, kernel);
  constexpr double short_epilogue = 12;
  p.ends_in_registers = code_cost(kernel, kernel.stages[0]) <= short_epilogue;
  plan_sharing(p, kernel);
  return p;
}

} // namespace nnc::codegen
