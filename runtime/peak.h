#pragma once
// What this machine can do, measured in a fifth of a second: the figures that a profile is compared with.

#include "runtime/model.h"

namespace nnc::runtime {

struct Peak {
  double operations_per_second = 0; // fused multiply-adds of the model's `real`, two operations each, in all threads together
  double bytes_per_second = 0;      // a[i] = b[i] + s·c[i] over arrays larger than second-level caches (McCalpin's STREAM triad)
};

/// With the widest vectors of the processor, on all threads of the model's team; the best of several rounds.
Peak measure_peak(Model &);

} // namespace nnc::runtime
