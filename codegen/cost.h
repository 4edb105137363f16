#pragma once
// What scalar operations cost: for the decision to compute a value again or keep it, and for the work from which threads share a kernel.

#include "ir/graph.h"

namespace nnc::codegen {

/// Simple vector instructions, roughly, for each element.
int scalar_cost(ir::Op);

} // namespace nnc::codegen
