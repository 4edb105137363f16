#pragma once
// The tile of a contraction's result that stays in registers, chosen by what it costs.

#include "codegen/cache.h"
#include "codegen/lower.h"

namespace nnc::codegen {

/// `rows` of m times `vectors`, along n or across it.
struct Tile {
  int rows, vectors;
  bool operator==(const Tile &) const = default;
};

constexpr int64_t longest_k = 768; // summed points from which on they go in chunks

/// Bytes of the first-level cache for a block's rows of a and a panel.
int64_t first_level(const Processor &);

/// Whether elements are `bytes` or more apart.
bool is_apart(const Size &stride, ir::Elem, int64_t bytes);

/// Lanes of a contraction's vectors.
int lanes_of(const Contraction &, const Processor &);

/// Where one vector takes all of n, as the short rows of an image, the innermost outer axis at all points of which a is the same: the vectors of a tile then
/// lie along it, since one alone leaves the multiply-adds waiting for each other. -1: there is none.
int axis_across(const Kernel &, int width);

/// The tile of fewest cycles.
Tile best_tile(const Kernel &, int width, const Processor &);

/// Half cycles or so of one summed point in the best tiles, at one point of the outer axes.
double tile_cycles(const Kernel &, const Processor &);

/// An extent, one that depends on the mini-batch being taken for that of an ordinary one.
int64_t usual_extent(const Size &);

} // namespace nnc::codegen
