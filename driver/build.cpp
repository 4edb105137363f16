// `nnc MODEL.nn -o FILE` and `nnc run`: the two ends of the pipeline.

#include "driver/commands.h"
#include "driver/entries.h"
#include "runtime/module.h"
#include "runtime/program.h"

#include <filesystem>
#include <fmt/format.h>

namespace nnc::driver {
namespace {

namespace fs = std::filesystem;

/// The runtime as one relocatable file: beside nnc where it was built, or in ../lib/nnc where it is installed.
std::string runtime_object() {
  fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path &path : {here / "nnc_runtime.o", here / "../lib/nnc/nnc_runtime.o"})
    if (fs::exists(path)) return path.string();
  throw CommandError(70, fmt::format("nnc's own runtime, nnc_runtime.o, is missing beside {}", here.string()));
}

/// The program and its kernels, or nothing with all errors reported.
std::optional<Kernels> compile_file(Compilation &compilation) {
  std::optional<frontend::Program> program = compilation.program();
  compilation.report();
  if (!program) return std::nullopt;
  return compile_program(compilation, *program);
}

} // namespace

int build_program_file(const CompileOptions &options, const std::string &output) {
  Compilation compilation(options);
  std::optional<Kernels> kernels = compile_file(compilation);
  if (!kernels) return 1;
  std::vector<std::string> objects = codegen::compile_objects(kernels->unit, compilation.target());
  Stopwatch watch(compilation.timed(), "link");
  std::string wrong = codegen::link_program(objects, runtime_object(), output);
  if (!wrong.empty()) throw CommandError(1, fmt::format("cannot write {}: {}", output, wrong));
  return 0;
}

int run_model(const CompileOptions &options, const std::vector<std::string> &arguments) {
  Compilation compilation(options);
  std::optional<Kernels> kernels = compile_file(compilation);
  if (!kernels) return 1;
  codegen::Loaded loaded(kernels->unit, compilation.target());
  std::optional<Stopwatch> watch(std::in_place, compilation.timed(), "load");
  auto entry = [&](const char *name) { return reinterpret_cast<nnc_entry>(loaded.entry(name)); };
  nnc_module module{kernels->unit.description.c_str(),
                    entry("init"),
                    entry("train"),
                    entry("evaluate"),
                    entry("predict"),
                    entry("check"),
                    entry("report"),
                    entry("train_one")};
  watch.reset();
  compilation.tell_times();
  return runtime::run_program(module, arguments);
}

} // namespace nnc::driver
