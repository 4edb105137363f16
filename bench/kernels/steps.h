#pragma once
// A training program's loop over steps, compiled in memory.

#include "codegen/compile.h"
#include "runtime/memory.h"
#include "runtime/team.h"

#include <memory>
#include <string>
#include <vector>

namespace nnc::bench {

class Steps {
public:
  /// `text` has a `train` block without data; all tensors start as 0. Throws std::runtime_error where it does not compile.
  Steps(const std::string &text, int64_t steps, int threads);

  /// One call with all the steps.
  void run();

private:
  std::unique_ptr<codegen::Loaded> loaded_;
  nnc_entry entry_;
  runtime::Memory state_, arena_;
  std::vector<double> settings_, costs_;
  int32_t stop_ = 0;
  nnc_call call_{};
  runtime::Team team_;
};

} // namespace nnc::bench
