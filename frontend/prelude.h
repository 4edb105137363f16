#pragma once
// The prelude: the part of the library that is written in the language itself, frontend/prelude/*.nn.

#include "frontend/elaborator.h"

#include <vector>

namespace nnc::frontend {

/// Name (`layers.nn`) and text of each file, as they were when nnc was built (cmake/embed_prelude.cmake makes the definition).
std::vector<PreludeFile> prelude_files();

} // namespace nnc::frontend
