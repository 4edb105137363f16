#pragma once
// Plain execution of kernels, point by point: the judge of their code.

#include "codegen/kernel.h"
#include "runtime/module.h"

namespace nnc::codegen {

/// Does to the memory of the call what `nnc_<entry>` does. Elementwise operations are those of the reference evaluator, rounded to their
/// element; reductions and contractions go over ascending points, a contraction and a sum of products with one rounding a term.
void evaluate(const Entry &, nnc_call &);

} // namespace nnc::codegen
