#pragma once
// Rows that a kernel leaves only itself: what one of its stages stores for a point and a later stage loads again for the same point, as a softmax the
// exponentials that it then divides, is scratch of the thread, one row of it, rather than a tensor.

#include "codegen/schedule.h"

namespace nnc::codegen {

/// Moves such buffers from the arena to Space::slab, also those of the kernels of steps. No other kernel may touch them, so it comes after what makes
/// kernels of several or parts of them. Rows that are too long for a cache stay.
void keep_rows(std::vector<Task> &, Entry &);

} // namespace nnc::codegen
