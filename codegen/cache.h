#pragma once
// What lowering knows of caches.

#include <cstdint>

namespace nnc::codegen {

constexpr int64_t cache_line = 64; // bytes that come into a cache together
constexpr int64_t few_sets =
    16 * cache_line; // rows so many bytes apart, or a multiple, fall into few sets of the first-level cache

} // namespace nnc::codegen
