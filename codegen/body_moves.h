#pragma once
// Kernels that put values where they belong, and compute none of their own: pad, concatenate, scatter_add, order.

#include "codegen/body_code.h"

namespace nnc::codegen {

/// The kernels of a node of these, in order.
std::vector<Kernel> build_moves(const BodySource &, ir::NodeId);

} // namespace nnc::codegen
