#pragma once
// Panels of a slab: where the products of one block of rows after the other read an operand that is the same for all, as the keys and values of an
// attention, the thread packs it once, before the first.

#include "codegen/kernel.h"
#include "codegen/target.h"

namespace nnc::codegen {

/// Chooses the axes of the products of a kernel with steps (arrange_contraction), and gives it packings in front of its turns.
void pack_for_turns(Kernel &, Entry &, const Processor &);

} // namespace nnc::codegen
