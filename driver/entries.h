#pragma once
// From an elaborated program to the unit that code generation compiles: its entries' graphs, optimised, their kernels, and the description
// that the runtime reads.

#include "codegen/compile.h"
#include "codegen/layout.h"
#include "driver/compilation.h"
#include "runtime/description.h"

namespace nnc::driver {

/// The entries' graphs before optimisation: init, train, evaluate, predict, check, report. (`train_one` is made of the kernels of `train`.)
std::vector<ir::Function> make_graphs(const frontend::Program &);

/// Runs the passes over every graph, printing and timing as the options ask.
std::vector<ir::Function> optimize_graphs(std::vector<ir::Function>, const Compilation &);

codegen::Layout make_layout(const frontend::Program &);

/// Kernels of every entry, and the description.
struct Kernels {
  codegen::Unit unit;
  runtime::Description description;
};
Kernels make_kernels(const Compilation &, const frontend::Program &, const std::vector<ir::Function> &optimized);

/// All of the above.
Kernels compile_program(const Compilation &, const frontend::Program &);

} // namespace nnc::driver
