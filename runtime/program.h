#pragma once
// The training program, whole: what `main` of ./train and `nnc run` call.

#include "runtime/module.h"

#include <string>
#include <vector>

namespace nnc::runtime {

/// Parses `args` (without the program's name), does what they say with the module, and returns the exit code; every failure has
/// been told on standard error.
int run_program(const nnc_module &, std::vector<std::string> args);

} // namespace nnc::runtime
