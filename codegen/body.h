#pragma once
// A group of nodes becomes kernels: the scalar code of every point, with loads and stores at affine addresses.

#include "codegen/fuse.h"

namespace nnc::codegen {

/// The kernels of one group, in order (one but for pad, concatenate and scatter_add). Every member is stored to its own buffer and to
/// the outputs that it has; stores that nobody reads are dropped later. `output_buffers[i]` is the buffer of Function::outputs[i].
std::vector<Kernel> build_kernels(const ir::Function &, const Memory &, const Layout &, const Group &,
                                  const std::vector<BufferId> &output_buffers);

/// The value of a node put into a buffer from the element of `to` on: what a loop carries at first.
Kernel build_copy(const ir::Function &, const Memory &, const Layout &, ir::NodeId, const Access &to);

} // namespace nnc::codegen
