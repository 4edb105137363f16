#pragma once
// What is known of a `let` so far.

#include "frontend/elaborator.h"

namespace nnc::frontend {

struct Elaborator::LetState {
  bool open = false; // under evaluation: a use now is a cycle
  bool known = false;
  bool in_frame = false; // it has nodes, so that each use makes it
  Value value;
  std::vector<KnownTensor> tensors; // of the value, where they come of data: constants
};

} // namespace nnc::frontend
