#pragma once
// How a contraction is cut: decided from its sizes and the processor alone.

#include "codegen/contraction_tile.h"

#include <span>

namespace nnc::codegen {

/// Where b is read from in the innermost loop.
enum class Panel {
  none,  // b itself, its vectors contiguous along n
  given, // panels that a packing made
  own,   // a panel of `k × tile` that the thread fills before use
};

/// What is fetched into the second-level cache while a block's tiles are computed.
enum class Ahead {
  nothing,
  chunk, // what the next chunk copies of a and reads of b
  rows,  // a's rows of the next chunk or, behind the last, of the next block
};

struct ContractionPlan {
  int width;                   // lanes
  Tile tile;                   // of whole tiles
  int across = -1;             // not -1: a tile's vectors lie at neighbouring points of this outer axis, one along n at each
  std::vector<int> fewer_rows; // heights of the tiles that take the rest of m, each as often as it fits
  Panel panel = Panel::none;
  /// Whether k goes in chunks, of `k_chunk` along summed axis `chunk_axis`, one point of the axes before it and all of those behind it; partial sums
  /// are kept for a block. Else there is one chunk.
  bool splits_k = false;
  int chunk_axis = 0;
  int64_t k_chunk = 0;
  int64_t chunk_points = 0; // of a chunk; 0: not known
  /// A block, whose operands stay in the second-level cache: rows of m, a multiple of tile.rows, and tiles of n.
  int64_t block_rows = 0, block_tiles = 1;
  /// Partial sums are kept for all points of the outer axes, which pass over each chunk; there is one block.
  bool keeps_all = false;
  /// Not 0: the rows of a block are copied for a chunk, those of a tile beside each other, for each k so far from those for the one before.
  int a_pitch = 0;
  Ahead ahead = Ahead::nothing;
  /// A tile's epilogue follows its last product directly, its code once for each row.
  bool ends_in_registers = false;
  int shared_axis = 0; // of the kernel's axes, then m, n
  int64_t granule = 1;

  /// Points of the axis that tiles of n go along (column_axis) which a whole tile takes.
  int64_t tile_points() const { return across < 0 ? int64_t{width} * tile.vectors : tile.vectors; }
};

/// The same contraction with the m and n, of its free axes, that are likely the fastest.
Kernel arrange_contraction(const Kernel &, const Processor &);

ContractionPlan plan_contraction(const Kernel &, const Processor &);

/// What a thread keeps on its stack for a contraction, in elements: a tile's sums or a block's partial ones, copied rows of a, a panel of b.
struct ContractionScratch {
  int64_t sums = 0, rows = 0, panel = 0;
  int64_t tile_rows = 0; // of which the copied rows of one tile
};
ContractionScratch contraction_scratch(const Kernel &, const ContractionPlan &);

/// Whether an operand is the same at all points of the first `outer` axes.
bool is_same_at_all(const Access &operand, size_t outer);

/// Whether b can be packed ahead: it is the same for all of the outer axes, and its extents are known.
bool can_pack(const Kernel &);

/// The extent of an axis, of the outer ones and then m and n.
const Size &extent_of(const Kernel &, size_t axis);

/// The axis, of the outer ones and then m and n, that tiles of n go along.
int column_axis(const ContractionPlan &, const Kernel &);

/// Points of axes.
Size points_of(std::span<const Size> axes);

} // namespace nnc::codegen
