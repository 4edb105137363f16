#pragma once
// What the paths of `over`, `freeze` and `into` name: `net.blocks.*.norm1` are parameters and states of instances.

#include "frontend/elaborator.h"

#include <set>

namespace nnc::frontend {

/// The slots that `path` names among the locals of the train block; a `*` stands for any part. A path that names none is reported.
std::set<int> resolve_path(Elaborator &, const Path &, const Context &);
std::set<int> resolve_paths(Elaborator &, const std::vector<Path> &, const Context &);

} // namespace nnc::frontend
