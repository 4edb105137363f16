// `nnc MODEL.nn --emit=KIND`: any stage of the pipeline as text (or an object).

#include "driver/commands.h"
#include "driver/entries.h"
#include "frontend/ast_print.h"
#include "frontend/parser.h"
#include "ir/text.h"
#include "passes/train_step.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <iostream>

namespace nnc::driver {
namespace {

std::string print_all(const std::vector<ir::Function> &functions, const SourceMap &sources) {
  std::string text;
  for (const ir::Function &function : functions) text += ir::print(function, &sources) + "\n";
  return text;
}

std::vector<ir::Function> example_graphs(const frontend::Program &program) {
  return {program.initialise, program.training, program.validation, program.prediction, program.check, program.report};
}

/// The graphs of one example over the mini-batch, before differentiation.
std::vector<ir::Function> batched_graphs(const frontend::Program &program) {
  std::vector<ir::Function> batched;
  for (const ir::Function *function : {&program.training, &program.validation, &program.prediction, &program.check}) {
    batched.push_back(passes::batched_entry(*function));
    batched.back().name = function->name;
  }
  return batched;
}

std::string compiled(const Compilation &compilation, const frontend::Program &program, codegen::Output output) {
  return codegen::compile(compile_program(compilation, program).unit, compilation.target(), output);
}

/// A stage that needs the elaborated program.
struct Stage {
  const char *name;
  std::function<std::string(Compilation &, const frontend::Program &)> text;
};

const std::vector<Stage> &stages() {
  static const std::vector<Stage> list = {
      {"typed", [](Compilation &c, const frontend::Program &) { return c.elaborator->print_typed(); }},
      {"ir", [](Compilation &c, const frontend::Program &p) { return print_all(example_graphs(p), c.sources); }},
      {"batched", [](Compilation &c, const frontend::Program &p) { return print_all(batched_graphs(p), c.sources); }},
      {"adjoint", [](Compilation &c, const frontend::Program &p) { return print_all(make_graphs(p), c.sources); }},
      {"optimized",
       [](Compilation &c, const frontend::Program &p) { return print_all(optimize_graphs(make_graphs(p), c), c.sources); }},
      {"kernels",
       [](Compilation &c, const frontend::Program &p) {
         std::string text;
         for (const codegen::Entry &entry : compile_program(c, p).unit.entries) text += codegen::print(entry) + "\n";
         return text;
       }},
      {"llvm", [](Compilation &c, const frontend::Program &p) { return compiled(c, p, codegen::Output::llvm); }},
      {"asm", [](Compilation &c, const frontend::Program &p) { return compiled(c, p, codegen::Output::assembly); }},
      {"obj", [](Compilation &c, const frontend::Program &p) { return compiled(c, p, codegen::Output::object); }},
      {"dot", [](Compilation &c, const frontend::Program &p) { return ir::dot(optimize_graphs(make_graphs(p), c)[1]); }},
  };
  return list;
}

int write(const std::string &text, const std::string &output) {
  if (output.empty() || output == "-") {
    std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
    return std::cout.flush() ? 0 : 1;
  }
  std::ofstream out(output, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out.flush()) throw CommandError(1, fmt::format("cannot write {}", output));
  return 0;
}

} // namespace

const std::vector<std::string> &emit_kinds() {
  static const std::vector<std::string> kinds = [] {
    std::vector<std::string> names = {"ast"};
    for (const Stage &stage : stages()) names.emplace_back(stage.name);
    names.emplace_back("lib");
    return names;
  }();
  return kinds;
}

int emit_stage(const CompileOptions &options, const std::string &kind, const std::string &output) {
  if (kind == "lib") throw CommandError(2, "--emit=lib is not supported yet");
  Compilation compilation(options);
  if (kind == "ast") {
    if (compilation.report()) return 1;
    SourceMap sources;
    uint32_t number = sources.add_file(options.file, *read_file(options.file));
    Diagnostics diagnostics(sources);
    return write(frontend::print_ast(frontend::parse(sources, number, diagnostics)), output);
  }
  std::optional<frontend::Program> program = compilation.program();
  if (compilation.report() || !program) return 1;
  for (const Stage &stage : stages())
    if (stage.name == kind) return write(stage.text(compilation, *program), output);
  return 2;
}

} // namespace nnc::driver
