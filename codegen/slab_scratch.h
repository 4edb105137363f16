#pragma once
// The scratch of a thread that runs the kernels of a slab, or of a block of its rows: where what they leave each other lies.

#include "codegen/slab_blocks.h"

#include <map>

namespace nnc::codegen {

/// Buffers lie in each other's place where one is no longer read when the other is written, or both are touched at the same points by the kernel
/// that writes it. Rows of a block that would fall into few sets of a cache lie a line further apart.
class SlabScratch {
public:
  /// Of the kernels in their order, which touch the buffers `ids` without moving along the first `around` axes. A block has as many rows as `block_bytes`
  /// take, stretches of the triangle where they have one. Adds the buffers that hold a block, or the slab where there are no rows.
  SlabScratch(const std::vector<Kernel> &, const std::set<BufferId> &ids, size_t around, const std::optional<Rows> &,
              int64_t block_bytes, std::vector<Buffer> &);

  /// Gives the kernels these buffers in place of those.
  void move_into(std::vector<Kernel> &, const std::optional<Rows> &) const;

  int64_t bytes = 0, block = 0;
  std::set<BufferId> own; // the buffers added

private:
  std::map<BufferId, BufferId> moved_;
  std::map<BufferId, int64_t> pitch_; // elements from row to row, of the old buffers
};

} // namespace nnc::codegen
