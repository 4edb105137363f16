#pragma once
// The triangle of a causal attention: where the kernels of a slab make a tensor [rows, columns] that is masked above the diagonal, and what reads it takes
// what is masked for nothing, none of them has to go there.

#include "codegen/slab_blocks.h"

#include <set>

namespace nnc::codegen {

/// Gives the kernels of a slab, in their order, the triangle that they have in common, if there is one. `own`: the buffers that only they touch; the axes of
/// a kernel from number `around` on are its own. Nothing may be computed from what a masked product would have been: numbers that are not there are taken
/// for finite ones, so that 0 times one is 0.
void find_triangle(std::vector<Kernel> &, const std::set<BufferId> &own, size_t around);

/// Whether blocks of these rows are blocks of the triangle's rows.
bool is_of_rows(const std::vector<Kernel> &, const Rows &);
void forget_triangle(std::vector<Kernel> &);

} // namespace nnc::codegen
