#pragma once
// From an optimised graph to the kernels of an entry: what is kept, what fuses, code, order, memory.

#include "codegen/compile.h"
#include "codegen/kernel.h"
#include "codegen/layout.h"

namespace nnc::codegen {

/// When kernels run slab by slab (slabs.h).
struct SlabLimits {
  int64_t least_product = 16384;   // multiply-adds of a slab's product: less is not worth the calls
  int64_t most_bytes = 1 << 20;    // of a thread's scratch, which is to stay in the second-level cache
  int64_t block_bytes = 640 << 10; // where a slab has more, of that of a block of rows
};

struct EntryOptions {
  bool steps = false; // `train`
  int costs = 0, reports = 0;
  SlabLimits slabs = {};
  Target target = {}; // that kernels are fitted to
};

Entry make_entry(const ir::Function &, const Layout &, const EntryOptions &);

/// Names the kernels by the entry, and throws InternalError where one is ill-formed.
void finish_entry(Entry &);

} // namespace nnc::codegen
