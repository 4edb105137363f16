#pragma once
// What the files of the passes `contract` and `dots` share.

#include "ir/builder.h"

namespace nnc::passes {

/// window_add of a product, or of what is the same along some axes, as a sum over what each element collects: a sum of products again, over
/// views of the factors. A rule.
ir::NodeId sum_of_windows(ir::Builder &, ir::NodeId);

/// A dot of something at most 1 that is divided by what is the same along some axes divides its result or its other operand. A rule.
ir::NodeId dot_of_quotient(ir::Builder &, ir::NodeId);

/// A dot with gathered rows becomes one with the rows of their table. A rule.
ir::NodeId dot_of_gathered(ir::Builder &, ir::NodeId);

/// scatter_add of a dot becomes a dot of what scatter_add makes of its left operand. A rule.
ir::NodeId scattered_dot(ir::Builder &, ir::NodeId);

/// A scan over gathered rows that gathers them turn by turn. A rule.
ir::NodeId scan_of_gathered(ir::Builder &, ir::NodeId);

/// Whether |x| ≤ 1 is known of each element.
bool at_most_one(const ir::Function &, ir::NodeId x);

} // namespace nnc::passes
