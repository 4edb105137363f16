#pragma once
// Numbers of elements, as f64: products of extents may be beyond any integer.

#include "ir/graph.h"

#include <string>

namespace nnc::frontend {

/// Of a tensor for one example; of several, of the largest.
double elements_of(const ir::Type &);

/// The most elements of a node, or of one within the function that it runs: in all turns of a loop together, since a pass may do these at once.
double most_elements(const ir::Node &);
double most_elements(const ir::Function &);

std::string whole_number(double);

} // namespace nnc::frontend
