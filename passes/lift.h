#pragma once
// Lifting: a graph for one thing becomes the graph for an axis of things, by each operation's batching rule.
//
// The same pass serves a call whose arguments have more axes than the formals and the mini-batch.

#include "ir/functions.h"

#include <span>

namespace nnc::passes {

/// `function` with the inputs marked in `lifted` (per Function::inputs) given one more leading axis of extent `size`. Nodes that
/// depend on none of them stay as they are. Outputs that do not depend on one are broadcast where `lift_all_outputs`.
///
/// The inputs `position` and `row`: for `mini_batch` the row input is lifted if there is one; else the position input p becomes the lifted
/// p·size + iota, so that draws are independent along the axis.
struct LiftOptions {
  bool mini_batch = false;
  bool lift_all_outputs = true;
};
ir::Function lift(const ir::Function &function, const std::vector<bool> &lifted, ir::Extent size, const LiftOptions &);

using ir::inline_function;

} // namespace nnc::passes
