#pragma once
// How large a program may be. Each is refused with the number and the limit.

#include <cstddef>
#include <cstdint>

namespace nnc::frontend {

constexpr int max_depth = 600;                // expressions, calls and blocks within each other, while they are elaborated
constexpr size_t max_steps = 2'000'000;       // operations elaborated
constexpr size_t max_nodes = 1'000'000;       // of one graph
constexpr int64_t max_extent = 2'147'483'647; // of an axis: indices are i32
constexpr int64_t max_drawn = 2'147'483'647;  // numbers of a draw for one example: their positions are i32
// Of a tensor of one example: 2^53, counts are exact in f64. What gets memory: ir/limits.h.
constexpr int64_t max_elements = 9'007'199'254'740'992;
constexpr int64_t max_turns = 1024; // of a loop that is unrolled, items of a list that is computed
constexpr size_t max_rank = 32;
constexpr int64_t max_read = 16'777'216; // numbers of a data file that are read when compiling
constexpr size_t max_texts = 1'048'576;  // different texts of a column
// Of training; a program's options have the same limits.
constexpr int64_t max_epochs = 2'147'483'647;
constexpr int64_t max_steps_trained = int64_t(1) << 51;
constexpr int64_t most_batch_axes = 2;   // of a tensor: offsets are polynomials of that degree in the number of examples

} // namespace nnc::frontend
