#pragma once
// The axes of kernels that are to become steps: which of a kernel's outer axes count the slabs, and these put first.

#include "codegen/kernel.h"

#include <functional>
#include <optional>

namespace nnc::codegen {

/// The slabs of a run of kernels: the axes that count them.
using SlabAxes = std::vector<Size>;

/// Visits all accesses of a kernel, and whether each writes.
void visit_accesses(Kernel &, const std::function<void(Access &, bool writes)> &);
void visit_accesses(const Kernel &, const std::function<void(const Access &, bool writes)> &);

/// The kernel with axes `slabs` first, then one of a single turn, then the rest: the axes along which its accesses of `buffer` have the strides
/// `strides`. Axes that are several in one are parted. None where the kernel has no such axes, or where they are what its lanes lie along.
std::optional<Kernel> with_slabs_first(const Kernel &, const SlabAxes &slabs, BufferId buffer, const std::vector<Size> &strides);

/// All extents of a kernel: the outer axes, then m, n and k or a stage's.
std::vector<Size> extents_of(const Kernel &);

/// The access in one slab, whose number along the first `slabs` axes is left out of its addresses: what lies between those of other slabs then lies
/// together. None where slabs may lie in each other's place.
std::optional<Access> within_slab(const Kernel &, Access, size_t slabs);

/// How far an access of the kernel reaches at one point of its first `around` axes: the greatest offset from the slab's first element, where that is
/// constant and none is before it.
std::optional<int64_t> reach(const Kernel &, const Access &, size_t around);

} // namespace nnc::codegen
