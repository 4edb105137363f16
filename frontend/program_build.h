#pragma once
// From a file's `train` block to the program: see program.h.

#include "frontend/elaborator.h"

namespace nnc::frontend {

/// The program of the `train` block called `train_name`, of the only one where that is "". Nothing where there is an error (reported).
/// Elaborator::finish is the caller's to call.
std::optional<Program> build_program(Elaborator &, const FileScope &, const std::string &train_name);

} // namespace nnc::frontend
