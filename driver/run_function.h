#pragma once
// One graph compiled in memory, to be run on given values.

#include "driver/compilation.h"
#include "ir/op.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nnc::driver {

/// Extents are constants; arguments and tensors are given for each run, the rest (seed, step, row) is that of a single evaluation: step 0,
/// row the place in the batch.
class CompiledFunction {
public:
  CompiledFunction(const ir::Function &, const Compilation &, uint64_t seed);
  ~CompiledFunction();

  /// The values of the result outputs, in their order. `value` gives each argument and tensor input, in its type.
  std::vector<ir::Array> run(const std::function<const ir::Array &(const ir::Input &)> &value);

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace nnc::driver
