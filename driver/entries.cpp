#include "driver/entries.h"

#include "codegen/one_example.h"
#include "codegen/stack.h"
#include "codegen/target.h"
#include "codegen/work.h"
#include "driver/data_files.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "passes/train_step.h"
#include "runtime/module.h"

#include <fmt/format.h>
#include <functional>
#include <numeric>

namespace nnc::driver {
namespace {

const char *kind_name(frontend::TensorKind kind) {
  switch (kind) {
  case frontend::TensorKind::parameter: return "parameter";
  case frontend::TensorKind::state: return "state";
  case frontend::TensorKind::optimizer: return "optimizer";
  }
  return "";
}

std::vector<int64_t> counts(const ir::Shape &shape) {
  std::vector<int64_t> result;
  for (const ir::Extent &extent : shape) result.push_back(extent.count);
  return result;
}

/// The data clause that draws each source's rows.
std::vector<int> data_of_sources(const frontend::Program &program) {
  std::vector<int> data(program.sources.size(), 0);
  for (size_t clause = 0; clause < program.data.size(); ++clause)
    for (int source : program.data[clause].sources) data[source] = static_cast<int>(clause);
  return data;
}

/// Elements from one window to the next, which is the row behind it; 0 where rows do not overlap.
int64_t row_step(const frontend::DataSource &source) {
  if (source.file.window == 0) return 0;
  return std::accumulate(source.row.begin() + 1, source.row.end(), int64_t{1}, std::multiplies<>());
}

runtime::Description describe(const Compilation &compilation, const frontend::Program &program, const codegen::Layout &layout) {
  runtime::Description made;
  made.version = NNC_MODULE_VERSION;
  made.nnc = NNC_VERSION;
  made.model = compilation.name;
  made.file = compilation.options.file;
  made.directory = compilation.directory;
  made.real = compilation.options.real;
  made.cpu = compilation.options.cpu;
  made.state_bytes = layout.state_bytes;
  for (size_t slot = 0; slot < program.tensors.size(); ++slot) {
    const frontend::Tensor &tensor = program.tensors[slot];
    made.tensors.push_back({tensor.name, kind_name(tensor.kind), stored_of(tensor.type.elem), counts(tensor.type.dims),
                            layout.tensors[slot].offset, compilation.sources.describe(tensor.place)});
  }
  for (const frontend::DataSource &source : program.sources) {
    runtime::Source out = runtime_source(source.file);
    out.name = source.name;
    out.directory = compilation.directory;
    out.stored = stored_of(source.stored);
    out.row = source.row;
    out.values = source.values;
    out.used = source.used_columns;
    for (const frontend::ColumnTexts &column : source.texts) out.alphabets.push_back({column.column, column.values});
    out.names = source.alphabet;
    out.limit = source.limit;
    made.sources.push_back(std::move(out));
  }
  for (const frontend::FieldCheck &check : program.checks)
    made.checks.push_back({check.field, check.type, check.limit, check.elements, check.source, check.columns});
  for (const frontend::DataClauseInfo &data : program.data) made.data.push_back({data.name, data.sources, data.checks});
  made.costs = program.cost_names;
  for (PlaceId place : program.cost_places) made.cost_places.push_back(compilation.sources.describe(place));
  made.reports = program.report_names;
  made.reports_of_pass = program.reports_of_pass;
  made.sums = program.sums;
  for (const frontend::PredictionInfo &prediction : program.predictions)
    made.predictions.push_back({prediction.name, prediction.type, stored_of(prediction.elem), prediction.shape,
                                prediction.sources, prediction.columns, prediction.names});
  for (const frontend::SettingInfo &setting : program.settings) made.settings.push_back({setting.name, setting.value});
  made.validate_share = program.validate_share;
  made.validate_data = program.validate_data;
  made.batch = program.batch;
  made.epochs = program.epochs;
  made.steps = program.steps;
  made.seed = program.seed;
  made.shuffle = program.shuffle;
  for (const frontend::LoadInfo &load : program.loads) made.load.push_back({load.file, load.tensors, load.alone});
  return made;
}

std::vector<runtime::KernelAbout> about_kernels(const Compilation &compilation, const codegen::Entry &entry) {
  std::vector<runtime::KernelAbout> made;
  for (const codegen::Kernel &kernel : entry.kernels) {
    const codegen::Work work = codegen::work_of(kernel, entry.buffers);
    const double turns = codegen::turns_of(entry, static_cast<int>(made.size()));
    made.push_back({kernel.name, compilation.sources.describe(kernel.place), {}, turns, work.operations, work.bytes});
    for (const codegen::Instruction &i : kernel.values) {
      if (i.code != codegen::Code::store) continue;
      const codegen::Buffer &buffer = codegen::memory_of(entry.buffers, i.access.buffer);
      if (buffer.space == codegen::Space::state) made.back().makes.push_back(buffer.label);
    }
  }
  return made;
}

/// Kernels of a step that has an entry of its own for one example: in longer ones what lies between kernels is not much.
constexpr size_t longest_for_one_example = 32;

bool reads_epoch(const codegen::Entry &entry) {
  for (const codegen::Kernel &kernel : entry.kernels)
    for (const codegen::Instruction &i : kernel.values)
      if (i.code == codegen::Code::call_value && i.input == ir::InputKind::epoch) return true;
  return false;
}

} // namespace

std::vector<ir::Function> make_graphs(const frontend::Program &program) {
  std::vector<ir::Function> graphs;
  graphs.push_back(program.initialise);
  graphs.back().name = "init";
  graphs.push_back(passes::train_entry(program.training, program.clauses));
  graphs.push_back(passes::evaluate_entry(program.validation));
  graphs.push_back(passes::batched_entry(program.prediction));
  graphs.back().name = "predict";
  graphs.push_back(passes::batched_entry(program.check));
  graphs.back().name = "check";
  graphs.push_back(program.report);
  return graphs;
}

std::vector<ir::Function> optimize_graphs(std::vector<ir::Function> graphs, const Compilation &compilation) {
  passes::RunOptions run;
  run.print_after = compilation.options.print_after;
  run.printed = [&](const passes::Pass &, const ir::Function &function) {
    fmt::print("{}", ir::print(function, &compilation.sources));
  };
  if (compilation.timed()) run.timed = [&](const passes::Pass &pass, double seconds) { compilation.timed()(pass.name, seconds); };
  for (ir::Function &graph : graphs) graph = passes::optimize(std::move(graph), run);
  return graphs;
}

codegen::Layout make_layout(const frontend::Program &program) {
  codegen::Layout layout;
  for (const frontend::Tensor &tensor : program.tensors) layout.tensors.push_back({tensor.name, tensor.type, 0});
  std::vector<int> data = data_of_sources(program);
  for (size_t slot = 0; slot < program.sources.size(); ++slot)
    layout.sources.push_back({program.sources[slot].name, program.sources[slot].stored, program.sources[slot].row, data[slot],
                              row_step(program.sources[slot])});
  layout.data = static_cast<int>(program.data.size());
  codegen::place_tensors(layout);
  return layout;
}

Kernels make_kernels(const Compilation &compilation, const frontend::Program &program,
                     const std::vector<ir::Function> &optimized) {
  Stopwatch watch(compilation.timed(), "kernels");
  codegen::Layout layout = make_layout(program);
  Kernels made;
  made.description = describe(compilation, program, layout);
  for (const ir::Function &graph : optimized) {
    bool costs = graph.name == "train" || graph.name == "evaluate";
    codegen::Entry entry = compilation.entry(graph, layout,
                                             {.steps = graph.name == "train",
                                              .costs = costs ? static_cast<int>(program.cost_names.size()) : 0,
                                              .reports = costs ? static_cast<int>(program.report_names.size()) + program.sums : 0,
                                              .target = compilation.target()});
    runtime::Bytes &bytes = graph.name == "init"       ? made.description.init_arena
                            : graph.name == "train"    ? made.description.train_arena
                            : graph.name == "evaluate" ? made.description.evaluate_arena
                            : graph.name == "predict"  ? made.description.predict_arena
                            : graph.name == "report"   ? made.description.report_arena
                                                       : made.description.check_arena;
    bytes = entry.arena_bytes.c;
    made.unit.entries.push_back(std::move(entry));
    if (graph.name != "train") continue;
    const codegen::Entry &train = made.unit.entries.back();
    made.description.kernels = runtime::kernels_to_json(about_kernels(compilation, train));
    made.description.reads_epoch = reads_epoch(train);
    if (program.batch != 1 || train.kernels.size() > longest_for_one_example) continue;
    codegen::Entry one = codegen::for_one_example(train);
    made.description.kernels_one = runtime::kernels_to_json(about_kernels(compilation, one));
    made.unit.entries.push_back(std::move(one));
  }
  const codegen::Processor target = codegen::processor(compilation.target());
  for (const codegen::Entry &entry : made.unit.entries)
    made.description.stack_bytes = std::max(made.description.stack_bytes, codegen::stack_bytes(entry, target));
  made.unit.description = runtime::to_json(made.description);
  return made;
}

Kernels compile_program(const Compilation &compilation, const frontend::Program &program) {
  std::vector<ir::Function> graphs;
  {
    Stopwatch watch(compilation.timed(), "differentiate");
    graphs = make_graphs(program);
  }
  return make_kernels(compilation, program, optimize_graphs(std::move(graphs), compilation));
}

} // namespace nnc::driver
