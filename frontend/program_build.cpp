#include "frontend/program_build.h"

#include "frontend/limits.h"
#include "frontend/program_builder.h"

#include <algorithm>

namespace nnc::frontend {

using K = DiagnosticKind;
using ir::InputKind;
using ir::OutputKind;

namespace {

/// The block that `--train` names, or the only one.
const Train *find_train(Elaborator &elaborator, const FileScope &file, const std::string &name) {
  Diagnostics &diagnostics = elaborator.diagnostics();
  const Span start{file.file.number, 0, 0};
  if (file.trains.empty()) {
    diagnostics.report(K::train_missing, start).note("`train { … }` says what is trained, with which data");
    return nullptr;
  }
  std::vector<std::string> names;
  for (const Train *train : file.trains) {
    if (train->name.name == name && !name.empty()) return train;
    names.push_back(train->name.name);
  }
  const std::string listed = fmt::format("they are: {}", fmt::join(names, ", "));
  if (!name.empty()) {
    diagnostics.report(K::train_unknown, file.trains.front()->span, name).note(listed);
    return nullptr;
  }
  if (file.trains.size() == 1) return file.trains.front();
  diagnostics.report(K::train_ambiguous, file.trains[1]->span, file.trains.size()).note("`--train NAME` picks one; " + listed);
  return nullptr;
}

ir::Type ir_type(const Type &type, ir::Elem real) {
  ir::Type result{ir::Elem::i32, {}};
  if (type.element.kind == ElementKind::real) result.elem = real;
  if (type.element.kind == ElementKind::boolean) result.elem = ir::Elem::boolean;
  for (const Dim &dim : type.dims) result.dims.push_back(extent_of(dim));
  return result;
}

} // namespace

/// The block in training, and what its costs change. The clauses are looked at one by one, so that an error in one hides none of another.
void ProgramBuilder::build_training() {
  training = std::make_unique<TrainWalk>(elaborator, clauses, true, false);
  number_tensors();
  for (const FreezeClause *clause : clauses.freeze) frozen.merge(resolve_paths(elaborator, clause->paths, training->context()));
  for (const LoadClause *clause : clauses.load) program.loads.push_back(load_info(*clause));
  collect_optimizers();
  for (size_t i = 0; i < training->costs.size(); ++i)
    if (training->costs[i].valid) build_minimize(i);
}

LoadInfo ProgramBuilder::load_info(const LoadClause &clause) {
  LoadInfo load{clause.file, {}, {}};
  const auto &refused = elaborator.options().data.refused;
  if (const std::string why = refused ? refused(clause.file) : ""; !why.empty())
    elaborator.diagnostics().report(K::source_unreadable, clause.file_span, clause.file, why);
  for (int slot : resolve_paths(elaborator, clause.into, training->context())) {
    const std::string &path = elaborator.tensors[slot].path;
    load.tensors.push_back(numbers.tensors.at(slot));
    load.alone.push_back(path.substr(path.find('.') + 1));
  }
  return load;
}

/// A name as it is saved: without the instance's own where the block makes only one.
std::string ProgramBuilder::saved_name(const std::string &path) const {
  return path.starts_with(only_instance) ? path.substr(only_instance.size()) : path;
}

int ProgramBuilder::add_tensor(Tensor tensor) {
  const std::string name = tensor.name;
  const auto taken = [&] {
    return std::any_of(program.tensors.begin(), program.tensors.end(), [&](const Tensor &t) { return t.name == tensor.name; });
  };
  for (int again = 2; taken(); ++again) tensor.name = fmt::format("{}.{}", name, again);
  program.tensors.push_back(std::move(tensor));
  return static_cast<int>(program.tensors.size()) - 1;
}

/// Parameters in the order of their making, then states.
void ProgramBuilder::number_tensors() {
  const auto first_part = [](const std::string &path) { return path.substr(0, path.find('.')); };
  if (!elaborator.tensors.empty()) {
    const std::string first = first_part(elaborator.tensors.front().path);
    const bool one = std::all_of(elaborator.tensors.begin(), elaborator.tensors.end(),
                                 [&](const TensorInfo &t) { return first_part(t.path) == first; });
    const auto local = training->scope.locals.find(first);
    const bool list = local != training->scope.locals.end() && local->second.value.is<ListValue>();
    if (one && !list) only_instance = first + ".";
  }
  for (TensorKind kind : {TensorKind::parameter, TensorKind::state})
    for (size_t slot = 0; slot < elaborator.tensors.size(); ++slot) {
      const TensorInfo &info = elaborator.tensors[slot];
      if (info.kind != kind) continue;
      const ir::Type type = ir_type(info.type, elaborator.options().real);
      numbers.tensors[static_cast<int>(slot)] = add_tensor({saved_name(info.path), kind, type, info.place, -1});
    }
  validation_numbers.tensors = prediction_numbers.tensors = numbers.tensors;
}

/// The costs and reports of a walk.
ProgramBuilder::Outputs ProgramBuilder::cost_outputs(TrainWalk &walk) {
  Outputs outputs;
  for (const auto &[results, kind] : {std::pair{&walk.costs, OutputKind::cost}, std::pair{&walk.reports, OutputKind::report}})
    for (size_t i = 0; i < results->size(); ++i)
      if ((*results)[i].sums.empty())
        outputs.push_back({kind, static_cast<int>(i), (*results)[i].name, walk.frame.use((*results)[i].value)});
  for (ir::Output &sum : sum_outputs(walk)) outputs.push_back(std::move(sum));
  return outputs;
}

/// Those, and the states that the costs update.
ProgramBuilder::Outputs ProgramBuilder::training_outputs() {
  Outputs outputs = cost_outputs(*training);
  std::set<int> states;
  for (size_t i = 0; i < training->costs.size(); ++i)
    for (int slot : training->states_of(i))
      if (!frozen.contains(slot)) states.insert(slot);
  for (int slot : states)
    outputs.push_back(
        {OutputKind::tensor, slot, elaborator.tensors[slot].path, training->frame.use(training->root.states.at(slot))});
  return outputs;
}

ProgramBuilder::Outputs ProgramBuilder::prediction_outputs() {
  Outputs outputs;
  for (size_t i = 0; i < prediction->predictions.size(); ++i) {
    const TrainWalk::Result &result = prediction->predictions[i];
    outputs.push_back({OutputKind::prediction, static_cast<int>(i), result.name, prediction->frame.use(result.value)});
  }
  return outputs;
}

/// Every tensor's first value.
void ProgramBuilder::build_initialise() {
  Root root;
  Frame frame(root, "initialise");
  ir::Builder &builder = frame.builder();
  for (InputKind zero : {InputKind::row, InputKind::step}) frame.set_leaf(zero, 0, builder.constant({ir::Elem::i32, {}}, 0.0));
  Scope scope(clauses.file);
  Activation activation;
  Outputs outputs(program.tensors.size());
  for (const auto &[slot, number] : numbers.tensors) {
    const auto value = elaborator.initial_value(slot, {&frame, &scope, &activation, {}, nullptr});
    if (value) outputs[number] = {OutputKind::tensor, slot, program.tensors[number].name, frame.use(*value)};
  }
  Renumbering all = numbers;
  for (size_t i = 0; i < program.tensors.size(); ++i) {
    const Tensor &tensor = program.tensors[i];
    if (tensor.kind != TensorKind::optimizer) continue;
    const int slot = static_cast<int>(elaborator.tensors.size() + i); // behind the elaboration's
    builder.set_place(tensor.place);
    outputs[i] = {OutputKind::tensor, slot, tensor.name, builder.constant(tensor.type, *optimizer_initial[i])};
    all.tensors[slot] = static_cast<int>(i);
  }
  if (!failed()) program.initialise = extract(frame.function(), "initialise", outputs, all, ExtractMode::alone);
}

/// Offsets are polynomials of degree `most_batch_axes` in the number of examples: what is one for each example has an axis more.
void ProgramBuilder::check_batch_axes(TrainWalk &walk, const Outputs &outputs) {
  const ir::Function &function = walk.frame.function();
  std::vector<ir::NodeId> roots;
  for (const ir::Output &output : outputs) roots.push_back(output.node);
  const std::vector<bool> needed = needed_by(function, roots), differs = walk.frame.differs_by_example();
  for (ir::NodeId id = 0; id < function.nodes.size(); ++id) {
    const ir::Shape &dims = function.type(id).dims;
    const auto axes = std::count_if(dims.begin(), dims.end(), [](const ir::Extent &extent) { return extent.batch; });
    if (!needed[id] || axes + (differs[id] ? 1 : 0) <= most_batch_axes) continue;
    elaborator.diagnostics()
        .report(K::batch_axes, function[id].place, "this value, which is one for each example,", most_batch_axes)
        .note("`batch(…)` of a matrix with an axis `batch` is such a value as well; take the row `[here]`, or sum, before");
    return;
  }
}

std::optional<Program> ProgramBuilder::build() {
  build_training();
  if (failed()) return std::nullopt;
  // `training` decides what is there, so that validation and predictions have graphs of their own.
  validation = std::make_unique<TrainWalk>(elaborator, clauses, false, true);
  prediction = std::make_unique<TrainWalk>(elaborator, clauses, false, false);
  if (failed()) return std::nullopt;
  check_batch_axes(*training, training_outputs());
  check_batch_axes(*validation, cost_outputs(*validation));
  number_sources();
  if (failed()) return std::nullopt;

  build_checks();
  program.training = extract(training->frame.function(), "train", training_outputs(), numbers, ExtractMode::as_it_is);
  program.validation =
      extract(validation->frame.function(), "evaluate", cost_outputs(*validation), validation_numbers, ExtractMode::evaluation);
  build_report();
  build_predictions();
  build_initialise();
  list_columns();
  if (failed()) return std::nullopt;

  for (const TrainWalk::Result &cost : training->costs) {
    program.cost_names.push_back(cost.name);
    program.cost_places.push_back(cost.place);
  }
  for (const TrainWalk::Result &report : training->reports) program.report_names.push_back(report.name);
  const TrainNumbers &said = training->numbers;
  program.batch = said.batch;
  program.epochs = said.epochs;
  program.steps = said.steps;
  program.seed = said.seed;
  program.validate_share = said.validate_share;
  program.validate_data = clauses.validate_data;
  program.shuffle = clauses.shuffle;
  program.settings = settings.list;
  return std::move(program);
}

std::optional<Program> build_program(Elaborator &elaborator, const FileScope &file, const std::string &train_name) {
  const Train *train = find_train(elaborator, file, train_name);
  if (!train) return std::nullopt;
  TrainClauses clauses = sort_clauses(elaborator, *train, file);
  return ProgramBuilder(elaborator, std::move(clauses)).build();
}

} // namespace nnc::frontend
