#pragma once
// Tuples and lists as trees of leaves.

#include "frontend/value.h"

#include <functional>

namespace nnc::frontend {

void for_each_leaf(const Value &, const std::function<void(const Value &)> &visit);
/// The same tree with each leaf changed, in order.
Value map_leaves(const Value &, const std::function<Value(const Value &)> &change);
/// The same tree with each tensor changed, in order; in an instance its parameters' values.
Value map_tensors(const Value &, const std::function<TensorValue(const TensorValue &)> &change);
/// Whether a node is in the value or a part of it.
bool holds_tensor(const Value &);

} // namespace nnc::frontend
