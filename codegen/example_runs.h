#pragma once
// Runs of maps and rows that touch the same tensors, example by example: a thread runs the kernels in turn for one example, whose stretch of each tensor is then still in its
// cache, and what they only leave each other is scratch of that thread. A normalisation's backward pass and the sums of columns beside it are such, and
// what a pool's gradient is made of.

#include "codegen/schedule.h"

namespace nnc::codegen {

/// Makes kernels of an entry (not those in loops) steps of one, where each example's part of their tensors fits a second-level cache and all of
/// it does not.
void join_by_example(std::vector<Task> &, Entry &);

} // namespace nnc::codegen
