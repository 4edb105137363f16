#pragma once
// Which axis of a tensor in memory its neighbours are along. Row-major is the rule; the tensors of a convolution have their channels innermost, so
// that vectors lie along channels whatever the size of the image, and the sums over a window read evenly spaced stretches.

#include "ir/graph.h"

#include <vector>

namespace nnc::codegen {

/// For each node the axis that should be innermost in its memory, or -1 for row-major order. Found by structure: a window that slides over some axes
/// of a tensor takes one other, long one as it is; what a product makes of windows is a tensor over the same examples with one such axis from
/// its other operand; elementwise operations, views, sums and pads hand the axis on to their operands and results.
std::vector<int> innermost_axes(const ir::Function &);

} // namespace nnc::codegen
