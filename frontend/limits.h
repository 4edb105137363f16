#pragma once
// How large a program may be. Each is refused with the number and the limit.

#include <cstddef>
#include <cstdint>

namespace nnc::frontend {

constexpr int max_depth = 600;                  // expressions, calls and blocks within each other, while they are elaborated
constexpr size_t max_steps = 2'000'000;         // operations elaborated
constexpr size_t max_nodes = 1'000'000;         // of one graph
constexpr int64_t max_elements = 2'147'483'647; // of a tensor of one example: positions are i32
constexpr int64_t max_turns = 1024;             // of a loop that is unrolled, items of a list that is computed
constexpr size_t max_rank = 32;
constexpr int64_t max_read = 16'777'216; // numbers of a data file that are read when compiling
constexpr size_t max_texts = 1'048'576;  // different texts of a column
constexpr int64_t most_batch_axes = 2;   // of a tensor: offsets are polynomials of that degree in the number of examples

} // namespace nnc::frontend
