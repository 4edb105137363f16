#pragma once
// How threads part a kernel.

#include "codegen/kernel.h"
#include "codegen/target.h"

namespace nnc::codegen {

/// [0, extent) of one axis, in multiples of `granule` but for the end.
struct Sharing {
  Size extent = 1;
  int64_t granule = 1;
  double work = 0; // nanoseconds or so for each point of the product of `points`
  std::vector<Size> points;
};

Sharing nest_sharing(const Kernel &, const Processor &);

/// Gives the shared axis of a nest the simplest extent with which its code is the same: code runs from `begin` to `end`, which it is told.
void forget_shared_extent(Kernel &, const Processor &);

Sharing contraction_sharing(const Kernel &, const Processor &);
Sharing ordering_sharing(const Kernel &);
Sharing packing_sharing(const Kernel &);

} // namespace nnc::codegen
