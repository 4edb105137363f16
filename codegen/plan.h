#pragma once
// Offsets of scratch buffers in the arena, decided when compiling.

#include "codegen/kernel.h"

namespace nnc::codegen {

/// Gives each arena buffer that a kernel touches its offset and sets Entry::arena_bytes. Buffers that are not needed at the same time share
/// memory. Those whose size is c·B^p live in one region for each p, so that an offset is a polynomial of B: the regions of smaller
/// powers, then units times B^p. Kernels must be in their final order.
void plan_memory(Entry &);

} // namespace nnc::codegen
