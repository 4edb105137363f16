// `nnc check MODEL.nn`: names, types and shapes; then what training will need.

#include "codegen/work.h"
#include "driver/commands.h"
#include "driver/entries.h"
#include "runtime/memory_plan.h"
#include "runtime/model.h"

#include <fmt/format.h>

namespace nnc::driver {
namespace {

/// 1234567 as `1,234,567`.
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number), result;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += ',';
    result += digits[i];
  }
  return result;
}

int64_t elements(const ir::Type &type) {
  int64_t count = 1;
  for (const ir::Extent &extent : type.dims) count *= extent.count;
  return count;
}

/// Line by line what lives in memory, largest first kinds apart.
void print_memory(const frontend::Program &program, const Kernels &kernels) {
  int64_t bytes[3] = {}, counts[3] = {};
  for (const frontend::Tensor &tensor : program.tensors) {
    int kind = static_cast<int>(tensor.kind);
    counts[kind] += elements(tensor.type);
    bytes[kind] += elements(tensor.type) * ir::bytes(tensor.type.elem);
  }
  const char *names[] = {"parameters", "states", "optimizer states"};
  for (int kind = 0; kind < 3; ++kind)
    if (counts[kind] > 0) fmt::print("  {:<18}{:>14} bytes\n", names[kind], grouped(bytes[kind]));
  for (const codegen::Entry &entry : kernels.unit.entries) {
    if (entry.name == "train")
      fmt::print("  {:<18}{:>14} bytes for a batch of {} ({})\n", "scratch",
                 grouped(runtime::arena_bytes(entry.arena_bytes.c, program.batch)), program.batch,
                 codegen::to_string(entry.arena_bytes));
    if (entry.name == "evaluate" || entry.name == "predict")
      fmt::print("    to {:<13}{:>14} bytes ({})\n", entry.name,
                 grouped(runtime::arena_bytes(entry.arena_bytes.c, program.batch)), codegen::to_string(entry.arena_bytes));
  }
  const runtime::MemoryPlan plan = runtime::memory_plan(kernels.description);
  fmt::print("  {:<18}{:>14} bytes as it is stored\n", "data", grouped(plan.data));
  fmt::print("  {:<18}{:>14} bytes on the stack\n", "each thread", grouped(plan.stack));
  fmt::print("  {:<18}{:>14} bytes\n", "row numbers", grouped(plan.row_numbers));
  fmt::print("  {:<18}{:>14} bytes\n", "program", grouped(plan.program + plan.results));
  fmt::print("  {:<18}{:>14} bytes while it trains\n", "total", grouped(plan.total()));
}

} // namespace

int check_model(const CompileOptions &options) {
  Compilation compilation(options);
  bool trains = !compilation.file->trains.empty();
  std::optional<frontend::Program> program;
  if (trains)
    program = compilation.program();
  else
    compilation.elaborator->finish(*compilation.file);
  if (compilation.report()) return 1;
  if (!trains || !program) {
    fmt::print("{}: no errors; no `train` block\n", options.file);
    return 0;
  }
  Kernels kernels = compile_program(compilation, *program);
  int64_t parameters = 0;
  double work = 0;
  size_t count = 0;
  for (const frontend::Tensor &tensor : program->tensors)
    if (tensor.kind == frontend::TensorKind::parameter) parameters += elements(tensor.type);
  for (const codegen::Entry &entry : kernels.unit.entries)
    if (entry.name == "train") {
      count = entry.kernels.size();
      for (size_t kernel = 0; kernel < count; ++kernel)
        work += codegen::value_at(codegen::work_of(entry.kernels[kernel], entry.buffers).operations, program->batch) *
                codegen::turns_of(entry, static_cast<int>(kernel));
    }
  fmt::print("{}: no errors\n", options.file);
  fmt::print("  {:<18}{:>14}\n", "parameters", grouped(parameters));
  fmt::print("  {:<18}{:>14} in {} kernels\n", "operations a step", grouped(static_cast<int64_t>(std::min(work, 9e18))), count);
  fmt::print("memory\n");
  print_memory(*program, kernels);
  return 0;
}

} // namespace nnc::driver
