#pragma once
// The commands of nnc. Each takes its parsed options and gives the exit code.

#include "driver/compilation.h"

#include <string>
#include <vector>

namespace nnc::driver {

/// `nnc MODEL.nn -o FILE`: the training program.
int build_program_file(const CompileOptions &, const std::string &output);

/// `nnc MODEL.nn --emit=KIND [-o FILE]`.
int emit_stage(const CompileOptions &, const std::string &kind, const std::string &output);
/// What `--emit` takes.
const std::vector<std::string> &emit_kinds();

/// `nnc run MODEL.nn [-- OPTIONS]`.
int run_model(const CompileOptions &, const std::vector<std::string> &arguments);

/// `nnc check MODEL.nn`.
int check_model(const CompileOptions &);

/// `nnc check --gradients MODEL.nn`.
int check_gradients(const CompileOptions &);

struct EvalOptions {
  std::string function;
  std::string in, out;             // safetensors
  std::vector<std::string> values; // NAME=VALUE
  bool gradients = false;
};
/// `nnc eval MODEL.nn NAME …`.
int eval_function(const CompileOptions &, const EvalOptions &);

/// `nnc prelude [NAME]`.
int print_prelude(const std::string &name);

} // namespace nnc::driver
