#pragma once
// Numbers beside tensors: what element the literals among several values take where all become one tensor, or choices of one.

#include "frontend/elaborator.h"

namespace nnc::frontend {

/// The element that two tensors share: bool widens to index, i32, real; of two indices the larger limit.
Element common_element(const Element &, const Element &);

/// The values as tensors. A number, or a list of numbers, among others that are indices is one where its numbers are in their
/// range, and i32 where they are whole; among i32 it is that where they are whole; else it is real. Nothing where one is no
/// tensor, which is reported.
std::optional<std::vector<TensorValue>> tensors_together(Elaborator &, const std::vector<EvaluatedArgument> &values,
                                                         const Context &);

} // namespace nnc::frontend
