#pragma once
// Labels, tokens and positions are held against their types over all rows, so that nothing later indexes out of bounds.

#include "runtime/dataset.h"
#include "runtime/model.h"

namespace nnc::runtime {

/// Runs nnc_check over all rows and looks at the checks that `relevant` names (by index in the description). Throws Error at the
/// first value that is not whole or not in its range: `digits.csv:12: column 65: label is 10, but its type is index(10): 0 to 9`.
void check_rows(Model &, const Dataset &, const std::vector<bool> &relevant);

} // namespace nnc::runtime
