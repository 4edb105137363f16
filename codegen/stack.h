#pragma once
// What an entry keeps on the stack of each thread: sums and packed rows of a contraction's tiles, the scratch of slabs, the list of its kernels.

#include "codegen/kernel.h"

namespace nnc::codegen {

struct Processor;

/// Bytes, at most. LLVM's own (what it spills) are not counted.
int64_t stack_bytes(const Entry &, const Processor &);
int64_t stack_bytes(const Kernel &, const Processor &);

} // namespace nnc::codegen
