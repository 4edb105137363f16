#pragma once
// Graphs for a number of examples that is known.

#include "ir/graph.h"

namespace nnc::passes {

/// `function`, lifted by the mini-batch, with `count` for B in types, slices and gathers.
ir::Function for_examples(const ir::Function &function, int64_t count);

/// A graph of one example as that of the only example of a mini-batch: every sum over the examples is its value.
ir::Function alone(const ir::Function &function);

} // namespace nnc::passes
