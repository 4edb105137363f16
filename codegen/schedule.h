#pragma once
// The order of an entry's kernels, and where threads must meet between them.

#include "codegen/kernel.h"

#include <set>

namespace nnc::codegen {

/// The buffers that a kernel reads and writes.
struct Traffic {
  std::set<BufferId> reads, writes;
};
Traffic traffic_of(const Kernel &);

/// Drops stores to scratch that nothing loads, and what was computed only for them.
void drop_dead_stores(Entry &);

/// Orders the kernels: after what they read is written, and before a tensor that they read is overwritten. Where a new value of a tensor
/// cannot go to its place yet since a later kernel still needs the old one, it goes to scratch and is copied at the end.
void schedule(Entry &);

/// Sets `barrier_before` from what kernels read and write since the last barrier. Needs the plan.
void place_barriers(Entry &);

} // namespace nnc::codegen
