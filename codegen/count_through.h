#pragma once
// Axes that a kernel only counts through become one.

#include "codegen/kernel.h"

namespace nnc::codegen {

/// Of a kernel of stages alone: with one outer axis in place of all, where every access walks them evenly and every value that names them is
/// the number of the point in row-major order, as that of an element for which a number is drawn is. So the initial values of a matrix and
/// of a vector are the same code. Other kernels stay as they are.
Kernel count_through(Kernel);

} // namespace nnc::codegen
