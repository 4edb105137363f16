#pragma once
// A pass is a value: its name, what it is for, and its function. One wrapper runs every pass.

#include "ir/graph.h"

#include <functional>
#include <span>
#include <string>

namespace nnc::passes {

struct Pass {
  const char *name;
  const char *summary;
  ir::Function (*run)(ir::Function);
};

/// The ordered list (passes/pipeline.cpp reads as a page).
std::span<const Pass> optimizations();

struct RunOptions {
  std::string print_after;                                         // a pass's name, or "" for none
  std::function<void(const Pass &, const ir::Function &)> printed; // called for print_after
  std::function<void(const Pass &, double seconds)> timed;         // called for every pass
};

/// Runs every pass in order; verifies the graph after each (a violation is an InternalError that names the pass).
ir::Function optimize(ir::Function, const RunOptions &);

} // namespace nnc::passes
