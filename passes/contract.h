#pragma once
// What the files of the pass `contract` share.

#include "ir/builder.h"

namespace nnc::passes {

/// window_add of a product, or of what is the same along some axes, as a sum over what each element collects: a sum of products again, over
/// views of the factors. A rule.
ir::NodeId sum_of_windows(ir::Builder &, ir::NodeId);

} // namespace nnc::passes
