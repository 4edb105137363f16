#include "kernels/steps.h"

#include "codegen/make_entry.h"
#include "driver/entries.h"
#include "frontend/prelude.h"
#include "frontend/program_build.h"
#include "passes/pass.h"

#include <stdexcept>

namespace nnc::bench {
namespace {

frontend::Program elaborate(const std::string &text) {
  SourceMap sources;
  Diagnostics diagnostics(sources);
  frontend::ElaboratorOptions options;
  options.prelude = frontend::prelude_files();
  frontend::Elaborator elaborator(sources, diagnostics, std::move(options));
  const frontend::FileScope *file = elaborator.load("steps.nn", text);
  std::optional<frontend::Program> program = frontend::build_program(elaborator, *file, "");
  elaborator.finish(*file);
  if (diagnostics.error_count() || !program) throw std::runtime_error(render_text(diagnostics, false));
  return std::move(*program);
}

codegen::Entry train_entry(const frontend::Program &program, const codegen::Layout &layout) {
  for (ir::Function &graph : driver::make_graphs(program))
    if (graph.name == "train")
      return codegen::make_entry(passes::optimize(std::move(graph), {}), layout,
                                 {.steps = true, .costs = static_cast<int>(program.cost_names.size()), .reports = 0});
  throw std::runtime_error("there is no train entry");
}

} // namespace

Steps::Steps(const std::string &text, int64_t steps, int threads) : team_(threads) {
  const frontend::Program program = elaborate(text);
  const codegen::Layout layout = driver::make_layout(program);
  codegen::Entry entry = train_entry(program, layout);
  state_ = runtime::Memory(layout.state_bytes + 64, "parameters");
  arena_ = runtime::Memory(entry.arena_bytes.at(1) + 64, "intermediate values");
  loaded_ = std::make_unique<codegen::Loaded>(codegen::Unit{{std::move(entry)}, ""}, codegen::Target{});
  entry_ = reinterpret_cast<nnc_entry>(loaded_->entry("train"));
  for (const frontend::SettingInfo &setting : program.settings) settings_.push_back(setting.value);
  costs_.resize(static_cast<size_t>(steps) * program.cost_names.size());
  call_.state = state_.data();
  call_.arena = arena_.data();
  call_.settings = settings_.data();
  call_.costs = costs_.data();
  call_.stop = &stop_;
  call_.batch = call_.step = 1;
  call_.steps = call_.total_steps = steps;
}

void Steps::run() {
  if (call_.alone)
    entry_(&call_, 0, 1); // as the runtime does: the entry has said that it has no work for more threads
  else
    team_.run(entry_, call_);
}

} // namespace nnc::bench
