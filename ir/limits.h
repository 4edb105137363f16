#pragma once
// How large tensors may be.

#include <cstdint>

namespace nnc::ir {

/// Elements that a tensor in memory may have for each example. One that exists in the mathematics alone, as the products that a sum takes up at once,
/// may have more.
constexpr int64_t most_in_memory = 2'147'483'647;

} // namespace nnc::ir
