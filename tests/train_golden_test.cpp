// Golden tests of data, train and optimizer blocks: the program of each file of tests/golden/train, or its errors.

#include "tests/golden.h"

#include "frontend/prelude.h"
#include "frontend/program_build.h"

#include <fmt/format.h>

using namespace nnc;

namespace {

/// table.csv has five columns, named.csv four with names, image.idx is 2×3 bytes, houses.csv has the texts of three cities, corpus.txt and other.txt
/// 100 characters; there are no others.
frontend::SourceHeader probe(const frontend::DataFile &file) {
  frontend::SourceHeader header;
  if (file.path == "table.csv")
    header.row = {5};
  else if (file.path == "named.csv")
    header.row = {4}, header.columns = {"height", "width", "weight", "kind"};
  else if (file.path == "image.idx")
    header.row = {2, 3}, header.stored = ir::Elem::u8;
  else if (file.path == "houses.csv")
    header.row = {3}, header.columns = {"area", "city", "price"}, header.text = {false, true, false};
  else if (file.path == "corpus.txt" || file.path == "other.txt")
    header.alphabet = {"a", file.path == "corpus.txt" ? "b" : "c", "z"}, header.limit = 3, header.rows = 100,
    header.stored = ir::Elem::u8;
  else
    header.error = "there is no such file";
  return header;
}

frontend::SourceTexts texts(const frontend::DataFile &, int) { return {"", {"Bern", "Oslo", "Rome"}}; }

/// Four houses: areas 10, 20, 30, 40.
frontend::SourceContent content(const frontend::DataFile &, const frontend::SourceHeader &, int column,
                                const std::vector<std::string> &) {
  if (column < 0) return {"", 4, {10, 0, 1, 20, 1, 2, 30, 2, 3, 40, 0, 4}};
  return {"", 4, column == 0 ? std::vector<double>{10, 20, 30, 40} : std::vector<double>{0, 1, 2, 0}};
}

std::string texts_of(const frontend::DataSource &source) {
  std::string text;
  for (const frontend::ColumnTexts &column : source.texts)
    text += fmt::format("  texts of column {}: {}\n", column.column, fmt::join(column.values, " "));
  return text;
}

std::string names_of(const frontend::Program &program, const frontend::LoadInfo &load) {
  std::string text;
  for (size_t i = 0; i < load.tensors.size(); ++i)
    text += fmt::format("{}{} or {}", i > 0 ? ", " : "", program.tensors[load.tensors[i]].name, load.alone[i]);
  return text.empty() ? "all" : text;
}

std::string describe(const frontend::Program &program) {
  std::string text;
  for (const frontend::Tensor &tensor : program.tensors)
    text += fmt::format("tensor {} {}\n", tensor.name, to_string(tensor.type));
  for (const frontend::DataSource &source : program.sources)
    text += fmt::format("source {} {} columns {}{}{}\n", source.name, source.file.path, fmt::join(source.used_columns, " "),
                        source.file.window > 0 ? fmt::format(" windows of {}", source.file.window) : "",
                        source.limit > 0 ? fmt::format(" below {}: {}", source.limit, fmt::join(source.alphabet, " ")) : "") +
            texts_of(source);
  for (const frontend::FieldCheck &check : program.checks)
    text += fmt::format("check {} {} of source {} columns {}\n", check.field, check.type, check.source,
                        fmt::join(check.columns, " "));
  for (const frontend::DataClauseInfo &data : program.data)
    text += fmt::format("data {} sources {} checks {}\n", data.name, fmt::join(data.sources, " "), fmt::join(data.checks, " "));
  for (const frontend::SettingInfo &setting : program.settings)
    text += fmt::format("setting {} = {}\n", setting.name, setting.value);
  for (const frontend::PredictionInfo &prediction : program.predictions)
    text += fmt::format("predict {}: {}[{}] from sources {}\n", prediction.name, prediction.type,
                        fmt::join(prediction.shape, ", "), fmt::join(prediction.sources, " ")) +
            (prediction.names.empty() ? "" : fmt::format("  names {}\n", fmt::join(prediction.names, " ")));
  for (const frontend::LoadInfo &load : program.loads)
    text += fmt::format("load {} into {}\n", load.file, names_of(program, load));
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
  frontend::Elaborator elaborator(sources, diagnostics,
                                  {ir::Elem::f32, {}, frontend::prelude_files(), {}, {probe, texts, content, {}}});
  const frontend::FileScope *scope = elaborator.load(file.filename().string(), text);
  const auto program = frontend::build_program(elaborator, *scope, train);
  golden::note_kinds(diagnostics, kinds);
  return render_text(diagnostics, false) + (program ? describe(*program) : "");
}

golden::AddSuite suite{"train", run_train};

} // namespace
