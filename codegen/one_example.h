#pragma once
// A step on a mini-batch of one example. Where B is 1, most loops of a small network's kernels have one turn: kernels become scalar code and, one
// behind the other, one kernel, whose values stay in registers.

#include "codegen/kernel.h"

namespace nnc::codegen {

/// `entry`, scheduled and planned, for calls with B = 1, named `<name>_one`. It leaves the very bytes in state, costs and reports that `entry` would: loops
/// are as they were but for their extents, and a sum of one term is still one that begins with 0.
Entry for_one_example(Entry entry);

} // namespace nnc::codegen
