#pragma once
// Matrix products fitted to the processor, before kernels are ordered: which axes their tiles have, and operands that are packed once.

#include "codegen/schedule.h"
#include "codegen/target.h"

namespace nnc::codegen {

/// Arranges every contraction, and where its b is the same for all of the outer axes and pays for it, puts a kernel that packs it in front: as far out
/// of the loops around as b stays the same.
void fit_contractions(std::vector<Task> &, Entry &, const Processor &);

} // namespace nnc::codegen
