#pragma once
// Runs of kernels that only leave each other large intermediate tensors, slab by slab: where a batched product makes much of little, as an attention
// its scores, one thread runs the kernels that touch what it makes for one slab after the other, and no such tensor is ever whole in memory. What a later kernel
// reads of it, as the backward pass does, is computed again for that. Found in the accesses of kernels, so whatever index notation, softmax or
// other maps made them.

#include "codegen/make_entry.h"
#include "codegen/schedule.h"

namespace nnc::codegen {

/// Replaces runs of kernels by kernels with steps, also within loops. Stores that nothing reads any more are left for drop_dead_stores.
void form_slabs(std::vector<Task> &, Entry &, const SlabLimits &);

} // namespace nnc::codegen
