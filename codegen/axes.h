#pragma once
// The loops of a kernel: axes that every access walks evenly become one, axes of one element vanish.

#include "codegen/kernel.h"
#include "ir/type.h"

namespace nnc::codegen {

/// The axes of a kernel under construction by what they are for, each list outermost first. Accesses and Code::axis number them through:
/// outer, then m, n, k (a contraction) or inner.
struct AxisLists {
  std::vector<Size> outer, m, n, k, inner;
};

/// How much memory a contraction's operands are in: the steps over the larger one order the summed axes.
struct Operands {
  Size a_elements, b_elements;
};

/// Orders each list as memory is walked, collapses it, renumbers the kernel's accesses and axis values, and sets Kernel::axes, the stages' axes and the contraction's
/// sizes. A stage with `has_axes[s]` runs over the inner axes (or m, n).
void finish_axes(Kernel &, AxisLists, const Operands &, const std::vector<bool> &has_axes);

} // namespace nnc::codegen
