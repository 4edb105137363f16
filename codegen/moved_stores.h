#pragma once
// Kernels that only move what one other kernel made.

#include "codegen/schedule.h"

namespace nnc::codegen {

/// Where a kernel only copies a scratch tensor that no other reads to where a tensor of another order of axes lies, what makes it stores it there at once,
/// if neighbours stay neighbours.
void store_in_place_of_copies(std::vector<Task> &, std::vector<Buffer> &);

} // namespace nnc::codegen
