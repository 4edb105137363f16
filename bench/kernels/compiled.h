#pragma once
// A function in the language, compiled in memory and run on a team.

#include "codegen/compile.h"
#include "kernels/cases.h"
#include "runtime/memory.h"
#include "runtime/team.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nnc::bench {

class Compiled {
public:
  /// Every number that `run` gets is drawn from 0 to 1. Throws std::runtime_error where it does not compile.
  /// `printed` gets the kernels as text.
  Compiled(const Case &, const codegen::Target &, int threads, const std::function<void(const std::string &)> &printed = {});

  /// One call on all threads.
  void run();

private:
  std::unique_ptr<codegen::Loaded> loaded_;
  nnc_entry entry_;
  runtime::Memory state_, arena_;
  std::vector<runtime::Memory> results_;
  std::vector<void *> outputs_;
  nnc_call call_{};
  runtime::Team team_;
};

} // namespace nnc::bench
