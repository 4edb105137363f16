#pragma once
// The order of an entry's kernels, and where threads must meet between them.

#include "codegen/kernel.h"

#include <set>

namespace nnc::codegen {

/// A kernel, or a loop over others (its number in Entry::loops). What a loop carries lies in buffers that its turns read and then write.
struct Task {
  Kernel kernel;
  int loop = -1;
  std::vector<Task> body;
  std::set<BufferId> carried;
};

/// The memory that a kernel or loop reads and writes; of rows the whole.
struct Traffic {
  std::set<BufferId> reads, writes;
};
Traffic traffic_of(const Kernel &, const std::vector<Buffer> &);
Traffic traffic_of(const Task &, const std::vector<Buffer> &);
/// The same in terms of what does not move within a turn of `loop` (-1: at all). Different rows of one buffer that it moves are different things: what
/// is carried in rows is read from one and written to the next.
Traffic traffic_of(const Task &, int loop, const std::vector<Buffer> &);

/// Drops stores to scratch that nothing loads, and what was computed only for them.
void drop_dead_stores(std::vector<Task> &, const std::vector<Buffer> &);

/// Orders the tasks: after what they read is written, and before a tensor that they read is overwritten; loops within likewise. Where a new value of
/// a tensor, or of what the loop around carries, cannot go to its place yet since a later kernel still needs the old one, it goes to scratch
/// and is copied at the end. Then the entry has its kernels, in order, and the stretches of its loops.
void schedule(std::vector<Task>, Entry &);

/// Sets `barrier_before` from what kernels read and write since the last barrier. Needs the plan.
void place_barriers(Entry &);

} // namespace nnc::codegen
