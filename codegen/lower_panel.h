#pragma once
// Panels of a contraction's b: for one tile of n, vectors in the order in which the tile reads them. Lanes past the end of n hold numbers of no
// meaning, which only reach lanes that are never stored.

#include "codegen/lower.h"

#include <functional>

namespace nnc::codegen {

/// A matrix b[n, k…] as it lies in memory: an access over the axes (`before`…, n, k…).
struct PanelSource {
  const Access &access;
  std::vector<llvm::Value *> before;
  const Size &n;
  const std::vector<Size> &k;
  std::vector<llvm::Value *> k_before; // the point of the first of these at which the panel is
  ir::Elem elem;                       // of the panel
  Computations &values;
  std::function<void(const Block &)> emit_indices = {}; // what the address needs at a point beside the axes
};

/// Columns of a panel: `vectors` vectors of `width` lanes from `n` on, the last of which may be masked, at `memory`, `stride` vectors from row to row.
struct PanelColumns {
  llvm::Value *n;
  int width, vectors;
  llvm::Value *last_mask; // null: all lanes
  llvm::Value *memory;
  int stride;
};

/// Where a panel's lanes lie in its source.
enum class PanelOrder : uint8_t {
  along_n, // beside each other, or anywhere
  along_k, // b is contiguous along its last summed axis: squares are turned over, up to `width` rows more than there are are written
};
PanelOrder panel_order(const PanelSource &, int width);

/// Writes the rows of a panel at which the first summed axis that is left is in [k_first, k_end), the first at `memory`.
void fill_panel(KernelFunction &, const PanelSource &, const PanelColumns &, PanelOrder, llvm::Value *k_first,
                llvm::Value *k_end);

} // namespace nnc::codegen
