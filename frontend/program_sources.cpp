// The sources that the program reads, their columns, and the fields that it checks.

#include "frontend/program_builder.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::InputKind;
using ir::NodeId;

namespace {

bool same_source(const DataSource &a, const DataSource &b) { return a.file == b.file && a.row == b.row && a.values == b.values; }

/// Adds to `columns` those that `function` selects from source `slot`, a row of a table or a window of rows, whose last axis they are; false where it uses
/// them in another way.
bool add_columns(const ir::Function &function, int slot, std::set<int> &columns) {
  std::vector<bool> row(function.nodes.size(), false); // the row itself, converted or not
  for (const ir::Input &input : function.inputs)
    if (input.kind == InputKind::source && input.slot == slot) row[input.node] = true;
  for (NodeId id = 0; id < function.nodes.size(); ++id) {
    const ir::Node &node = function[id];
    if (std::none_of(node.operands.begin(), node.operands.end(), [&](NodeId operand) -> bool { return row[operand]; })) continue;
    if (node.op == ir::Op::convert || node.op == ir::Op::copy) {
      row[id] = true;
    } else if (node.op == ir::Op::slice) {
      const auto &slice = std::get<ir::SliceAttributes>(node.attributes);
      const size_t last = slice.start.size() - 1;
      for (int64_t at = slice.start[last]; at < slice.limit[last]; at += slice.stride[last]) columns.insert(static_cast<int>(at));
    } else {
      return false;
    }
  }
  return std::none_of(function.outputs.begin(), function.outputs.end(),
                      [&](const ir::Output &output) -> bool { return row[output.node]; });
}

std::vector<int> columns_of(const std::vector<const ir::Function *> &functions, const DataSource &source, int slot) {
  std::set<int> columns;
  if (source.file.format != "csv") return {};
  for (const ir::Function *function : functions)
    if (!add_columns(*function, slot, columns)) return {};
  return {columns.begin(), columns.end()};
}

std::set<int> sources_needed(const ir::Function &function, const std::vector<NodeId> &roots) {
  const std::vector<bool> needed = needed_by(function, roots);
  std::set<int> sources;
  for (const ir::Input &input : function.inputs)
    if (input.kind == InputKind::source && needed[input.node]) sources.insert(input.slot);
  return sources;
}

std::vector<NodeId> nodes_of(const std::vector<ir::Output> &outputs) {
  std::vector<NodeId> nodes;
  for (const ir::Output &output : outputs) nodes.push_back(output.node);
  return nodes;
}

} // namespace

/// The data clause that each of the walk's sources belongs to: each draws its own rows.
std::map<int, int> ProgramBuilder::owners(TrainWalk &walk) {
  std::map<int, int> owners;
  for (size_t use = 0; use < walk.rows.size(); ++use)
    for (const DataField &field : walk.rows[use].fields)
      for (int source : sources_needed(walk.frame.function(), {field.value.node})) owners.emplace(source, static_cast<int>(use));
  return owners;
}

/// The program's number of a source that the walk of clause `use` calls `number`; files that several fields name are one source.
int ProgramBuilder::add_source(int use, int number) {
  DataSource source = elaborator.sources[number].source;
  const int file = elaborator.sources[number].file;
  for (size_t i = 0; i < program.sources.size(); ++i)
    if (source_use[i] == use && same_source(program.sources[i], source)) return static_cast<int>(i);
  // `block.entry`; with an alias `alias.entry`, since the block may be used twice.
  const DataUse &clause = clauses.data[use];
  if (!clause.alias.empty() && source.name.starts_with(clause.block->name.name + "."))
    source.name.replace(0, clause.block->name.name.size(), clause.alias);
  const int slot = static_cast<int>(program.sources.size());
  program.sources.push_back(std::move(source));
  source_use.push_back(use);
  source_files.push_back(file);
  program.data[use].sources.push_back(slot);
  return slot;
}

void ProgramBuilder::number_sources(TrainWalk &walk, const Outputs &outputs, Renumbering &renumbering) {
  const std::map<int, int> owner = owners(walk);
  for (int number : sources_needed(walk.frame.function(), nodes_of(outputs)))
    renumbering.sources[number] = add_source(owner.at(number), number);
}

/// Tables of the data clauses and of the sources that any of the functions needs.
void ProgramBuilder::number_sources() {
  for (const DataUse &use : clauses.data) program.data.push_back({use.block->name.name, {}, {}});
  number_sources(*training, training_outputs(), numbers);
  number_sources(*validation, cost_outputs(*validation), validation_numbers);
  number_sources(*prediction, prediction_outputs(), prediction_numbers);
  // A clause whose fields nothing uses still has a number of rows.
  for (size_t use = 0; use < program.data.size(); ++use)
    if (program.data[use].sources.empty() && !training->rows[use].fields.empty())
      for (int number : sources_needed(training->frame.function(), {training->rows[use].fields.front().value.node}))
        add_source(static_cast<int>(use), number);
}

/// Fields of numbers that must be whole and within a limit, as far as a function uses them; the function `check` gives their values.
void ProgramBuilder::build_checks() {
  struct Use {
    TrainWalk &walk;
    Outputs outputs;
  };
  const Use uses[] = {
      {*training, training_outputs()}, {*validation, cost_outputs(*validation)}, {*prediction, prediction_outputs()}};
  Outputs outputs;
  const ir::Function &graph = training->frame.function();
  for (size_t use = 0; use < training->rows.size(); ++use)
    for (size_t i = 0; i < training->rows[use].fields.size(); ++i) {
      const DataField &field = training->rows[use].fields[i];
      const bool used = std::any_of(std::begin(uses), std::end(uses), [&](const Use &of) -> bool {
        return needed_by(of.walk.frame.function(), nodes_of(of.outputs))[of.walk.rows[use].fields[i].value.node];
      });
      if (field.checked == ir::no_node || !used) continue;
      for (int number : sources_needed(graph, {field.checked}))
        numbers.sources.emplace(number, add_source(static_cast<int>(use), number));
      int source = *sources_needed(graph, {field.checked}).begin();
      ir::Count elements;
      ir::product(graph.type(field.checked).dims, elements);
      std::vector<int> columns = source_elements(graph, field.checked, source);
      if (columns.empty()) columns.assign(elements.count, -1);
      const int number = static_cast<int>(program.checks.size());
      program.checks.push_back({field.name, to_string(field.value.type.element), field.limit, elements.count,
                                numbers.sources.at(source), std::move(columns)});
      program.data[use].checks.push_back(number);
      outputs.push_back({ir::OutputKind::check, number, field.name, field.checked});
    }
  program.check = extract(graph, "check", outputs, numbers, ExtractMode::as_it_is);
}

/// The columns that the program reads, with the texts of those that are not of numbers.
void ProgramBuilder::list_columns() {
  const std::vector<const ir::Function *> all = {&program.training, &program.validation, &program.prediction, &program.check};
  for (size_t i = 0; i < program.sources.size(); ++i) {
    DataSource &source = program.sources[i];
    source.used_columns = columns_of(all, source, static_cast<int>(i));
    for (int column : source.used_columns) {
      const auto size = elaborator.source_alphabet({source_files[i], column, true}, {}, training->context()); // read before
      if (size && *size) source.texts.push_back({column, *(*size)->alphabet});
    }
  }
}

/// The names of the values of an index below such a limit.
std::vector<std::string> ProgramBuilder::names_of(const Element &element) const {
  if (element.kind != ElementKind::index || element.variable || !element.limit.name) return {};
  std::shared_ptr<const Alphabet> alphabet = element.limit.name->alphabet;
  if (const auto field = elaborator.field_alphabets.find(element.limit.name);
      !alphabet && field != elaborator.field_alphabets.end())
    alphabet = field->second;
  return alphabet ? *alphabet : Alphabet{};
}

void ProgramBuilder::build_predictions() {
  const Outputs outputs = prediction_outputs();
  const ir::Function &graph = prediction->frame.function();
  program.prediction = extract(graph, "predict", outputs, prediction_numbers, ExtractMode::alone);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TrainWalk::Result &result = prediction->predictions[i];
    constexpr const char *names[] = {"bool", "index", "i32", "real"}; // in the order of ElementKind
    PredictionInfo info{result.name,
                        names[static_cast<int>(result.value.type.element.kind)],
                        graph.type(outputs[i].node).elem,
                        {},
                        {},
                        {},
                        names_of(result.value.type.element)};
    for (const Dim &dim : result.value.type.dims) info.shape.push_back(dim.value);
    const ir::Function alone = extract(graph, result.name, {outputs[i]}, prediction_numbers, ExtractMode::alone);
    const std::set<int> sources = input_slots(alone, InputKind::source);
    info.sources.assign(sources.begin(), sources.end());
    if (sources.size() == 1) info.columns = columns_of({&alone}, program.sources[*sources.begin()], *sources.begin());
    program.predictions.push_back(std::move(info));
  }
}

} // namespace nnc::frontend
