#pragma once
// What a kernel has to do, as numbers: the arithmetic and the memory that `nnc check` and `--profile` speak of.

#include "codegen/kernel.h"

namespace nnc::codegen {

/// c[0] + c[1]·B + c[2]·B² + …, of any degree.
using Polynomial = std::vector<double>;
double value_at(const Polynomial &, int64_t examples);

struct Work {
  Polynomial operations; // two for each term of a product, one for each scalar operation and reduced term
  Polynomial bytes;      // of the elements that it reads and of those that it writes, each counted once
};

/// Of one run of a kernel.
Work work_of(const Kernel &, const std::vector<Buffer> &);

/// How often a kernel of an entry runs in a step: the product of the turns of the loops around it.
double turns_of(const Entry &, int kernel);

} // namespace nnc::codegen
