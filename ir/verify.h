#pragma once
// What every graph must hold: operands before users, each node's type as its shape rule says, inputs and outputs in order.

#include "ir/graph.h"

#include <string>

namespace nnc::ir {

/// The first thing wrong, or "".
std::string verify(const Function &);

} // namespace nnc::ir
