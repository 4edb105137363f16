#pragma once
// The reference evaluator: the judge of every pass and kernel. Plain loops, values held as f64.

#include "ir/op.h"

#include <functional>

namespace nnc::ir {

/// The values of the outputs, in their order. `input` gives the value of each input; `examples` is B.
std::vector<Array> evaluate(const Function &, int64_t examples, const std::function<Array(const Input &, const Type &)> &input);

/// Every node's value, for finding where two graphs part.
std::vector<Array> evaluate_all(const Function &, int64_t examples,
                                const std::function<Array(const Input &, const Type &)> &input);

} // namespace nnc::ir
