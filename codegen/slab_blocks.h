#pragma once
// Slabs that are too large for a thread's scratch go in blocks of rows: along one axis that every large tensor of the run has first, as the queries of an
// attention. Kernels that sum over the rows add what each block gives, block after block.

#include "codegen/kernel.h"

#include <optional>
#include <set>

namespace nnc::codegen {

/// The rows of a run: in each of its kernels, whose first `around` axes are those of slabs and turns, the axis that counts them.
struct Rows {
  int64_t count = 0;
  std::vector<size_t> axes; // by kernel
};

/// Rows such that what one kernel leaves another in `shared` is left for the same row.
std::optional<Rows> find_rows(const std::vector<Kernel> &, const std::set<BufferId> &shared, size_t around);

/// The steps that run the kernels on `block` rows at a time, then on those that are left. The buffers `own` hold the rows of one block.
std::vector<Step> in_blocks(const std::vector<Kernel> &, const Rows &, int64_t block, const std::set<BufferId> &own,
                            size_t around, Entry &);

} // namespace nnc::codegen
