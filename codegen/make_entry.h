#pragma once
// From an optimised graph to the kernels of an entry: what is kept, what fuses, code, order, memory.

#include "codegen/compile.h"
#include "codegen/kernel.h"
#include "codegen/layout.h"

namespace nnc::codegen {

struct EntryOptions {
  bool steps = false; // `train`
  int costs = 0, reports = 0;
  Target target = {}; // that kernels are fitted to
};

Entry make_entry(const ir::Function &, const Layout &, const EntryOptions &);

} // namespace nnc::codegen
