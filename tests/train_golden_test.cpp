// Golden tests of data, train and optimizer blocks: the program of each file of tests/golden/train, or its errors.

#include "tests/golden.h"

#include "frontend/prelude.h"
#include "frontend/program_build.h"

#include <fmt/format.h>

using namespace nnc;

namespace {

/// table.csv has five columns, named.csv four with names, image.idx is 2×3 bytes; there are no others.
frontend::SourceHeader probe(frontend::SourceFormat, const std::string &path, std::optional<int>) {
  if (path == "table.csv") return {"", {5}, ir::Elem::f32, {}};
  if (path == "named.csv") return {"", {4}, ir::Elem::f32, {"height", "width", "weight", "kind"}};
  if (path == "image.idx") return {"", {2, 3}, ir::Elem::u8, {}};
  return {"there is no such file", {}, ir::Elem::f32, {}};
}

std::string describe(const frontend::Program &program) {
  std::string text;
  for (const frontend::Tensor &tensor : program.tensors)
    text += fmt::format("tensor {} {}\n", tensor.name, to_string(tensor.type));
  for (const frontend::DataSource &source : program.sources)
    text += fmt::format("source {} {} columns {}\n", source.name, source.path, fmt::join(source.used_columns, " "));
  for (const frontend::FieldCheck &check : program.checks)
    text += fmt::format("check {} {} of source {} columns {}\n", check.field, check.type, check.source,
                        fmt::join(check.columns, " "));
  for (const frontend::DataClauseInfo &data : program.data)
    text += fmt::format("data {} sources {} checks {}\n", data.name, fmt::join(data.sources, " "), fmt::join(data.checks, " "));
  for (const frontend::SettingInfo &setting : program.settings)
    text += fmt::format("setting {} = {}\n", setting.name, setting.value);
  for (const frontend::PredictionInfo &prediction : program.predictions)
    text += fmt::format("predict {}: {}[{}] from sources {}\n", prediction.name, prediction.type,
                        fmt::join(prediction.shape, ", "), fmt::join(prediction.sources, " "));
  for (const passes::MinimizeStep &step : program.clauses) {
    text += fmt::format("{} updates", program.cost_names[step.cost]);
    for (const passes::ParameterUpdate &update : step.updates)
      text += fmt::format(" {} by {}", program.tensors[update.tensor].name, update.rule.name);
    for (int state : step.states) text += fmt::format(" and {}", program.tensors[state].name);
    text += "\n";
  }
  return text + fmt::format("reports {}; batch {}, epochs {}, steps {}, seed {}, validate {} {}\n",
                            fmt::join(program.report_names, " "), program.batch, program.epochs, program.steps, program.seed,
                            program.validate_share, program.validate_data);
}

/// A first line `# train: NAME` picks that block.
std::string run_train(const std::filesystem::path &file, std::set<DiagnosticKind> &kinds) {
  const std::string text = golden::read_file(file), mark = "# train: ";
  const std::string train = text.starts_with(mark) ? text.substr(mark.size(), text.find('\n') - mark.size()) : "";
  SourceMap sources;
  Diagnostics diagnostics(sources);
  frontend::Elaborator elaborator(sources, diagnostics, {ir::Elem::f32, {}, frontend::prelude_files(), {}, probe});
  const frontend::FileScope *scope = elaborator.load(file.filename().string(), text);
  const auto program = frontend::build_program(elaborator, *scope, train);
  golden::note_kinds(diagnostics, kinds);
  return render_text(diagnostics, false) + (program ? describe(*program) : "");
}

golden::AddSuite suite{"train", run_train};

} // namespace
