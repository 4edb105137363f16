#pragma once
// Offsets of scratch buffers in the arena, decided when compiling.

#include "codegen/kernel.h"

#include <stdexcept>

namespace nnc::codegen {

/// A program asks for a tensor in memory of more than ir::most_in_memory elements for each example: its author's fault.
struct TooLarge : std::runtime_error {
  TooLarge(PlaceId place, int64_t elements);
  PlaceId place; // of the node that computes it
  int64_t elements;
};

/// Gives each arena buffer that a kernel touches its offset and sets Entry::arena_bytes. Buffers that are not needed at the same time share
/// memory. Those whose size is c·B^p live in one region for each p, so that an offset is a polynomial of B: the regions of smaller
/// powers, then units times B^p. Kernels must be in their final order. Throws TooLarge.
void plan_memory(Entry &);

} // namespace nnc::codegen
