#include "runtime/program.h"

#include "runtime/checks.h"
#include "runtime/error.h"
#include "runtime/info.h"
#include "runtime/parameters.h"
#include "runtime/predict.h"
#include "runtime/training.h"
#include "runtime/write_file.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace nnc::runtime {
namespace {

std::string default_file(const Model &model) { return model.about.model + ".safetensors"; }

void apply_settings(Model &model, const Options &options) {
  const auto &known = model.about.settings;
  for (const auto &[name, value] : options.settings) {
    auto setting = std::find_if(known.begin(), known.end(), [&](const Setting &s) { return s.name == name; });
    if (setting == known.end()) {
      std::vector<std::string> names;
      for (const Setting &s : known) names.push_back(s.name);
      refuse("--set {}: the optimizer has no such argument that can be set; there {} {}", name, names.size() == 1 ? "is" : "are",
             names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
    }
    model.settings[static_cast<size_t>(setting - known.begin())] = value;
  }
}

Dataset read_all(Model &model, const Options &options) {
  Dataset data(model.about, options.data, std::vector<bool>(model.about.sources.size(), true));
  check_rows(model, data, std::vector<bool>(model.about.checks.size(), true));
  return data;
}

/// The parameters of an earlier run, for eval and predict.
void load_trained(Model &model, const Options &options) {
  std::string path = options.load.empty() ? default_file(model) : options.load;
  if (options.load.empty() && access(path.c_str(), F_OK) != 0)
    fail("{}: not found; train first, or name the parameters with --load FILE", path);
  load_parameters(model, path);
}

int train(Model &model, const Options &options) {
  std::string path = options.save.empty() ? default_file(model) : options.save;
  check_writable(path);
  apply_settings(model, options);
  Dataset data = read_all(model, options);
  Plan plan = make_plan(model.about, options, data);
  model.initialise();
  load_clauses(model);
  if (!options.load.empty()) load_parameters(model, options.load);
  EventLog log(options.log, model.about);
  Progress progress(options, model.about, plan);
  Interrupt interrupt;
  EndEvent end;
  std::optional<Profile> profile;
  const Peak peak = options.profile ? measure_peak(model) : Peak();
  if (options.profile) profile.emplace(model.train_kernels(plan.batch), model.threads());
  try {
    end = Training(model, data, plan, log, progress, options.log_every, interrupt, profile ? &*profile : nullptr).run();
  } catch (const Error &error) {
    if (error.code != exit_not_finite) throw;
    throw Error(error.code, fmt::format("{}; training stopped, {} was not written", error.what(), path));
  }
  save_parameters(model, path);
  const char *stopped = interrupt.signal() == 0 ? "" : interrupt.signal() == SIGINT ? "interrupted: " : "terminated: ";
  progress.say(fmt::format("{}saved {} ({} parameters) after {} steps in {:.2f} s", stopped, path, model.parameters(), end.steps,
                           end.seconds));
  if (profile) {
    const ProfileTable table = profile->table(peak);
    fmt::print("{}", table.text());
    log.profile(table);
  }
  log.close();
  return interrupt.signal() == 0 ? exit_done : 128 + interrupt.signal();
}

int evaluate_trained(Model &model, const Options &options) {
  Dataset data = read_all(model, options);
  Plan plan = make_plan(model.about, options, data);
  model.initialise();
  load_trained(model, options);
  bool held_out = !plan.validation.empty();
  const auto &rows = held_out ? plan.validation : plan.training;
  auto means = evaluate(model, data, plan, plan.validation_clause, rows, plan.total_steps, plan.epochs - 1, nullptr);
  int64_t examples = model.about.data.empty() ? plan.batch : std::ssize(rows);
  fmt::print("{} of {} examples:{}\n", held_out ? "validation" : "all", examples, means_text(model.about, *means));
  return exit_done;
}

int predict_trained(Model &model, const Options &options) {
  if (model.about.predictions.empty()) refuse("the model {} has no `predict` clause", model.about.model);
  check_prediction_format(model.about, options.out);
  model.initialise();
  load_trained(model, options);
  write_predictions(model.about, predict(model, options), options.out);
  return exit_done;
}

int run_command(const nnc_module &module, std::vector<std::string> args) {
  auto parsed = parse_options(std::move(args));
  if (auto *code = std::get_if<int>(&parsed)) return *code;
  const auto &options = std::get<Options>(parsed);
  Model model(module, options.command == Command::info ? 1 : options.threads);
  model.seed = options.seed.value_or(model.about.seed);
  int code = exit_done;
  with_stack(model.about.stack_bytes, [&] {
    switch (options.command) {
    case Command::train: code = train(model, options); break;
    case Command::eval: code = evaluate_trained(model, options); break;
    case Command::predict: code = predict_trained(model, options); break;
    case Command::info: print_info(model, options.batch.value_or(model.about.batch)); break;
    }
  });
  return code;
}

} // namespace

int run_program(const nnc_module &module, std::vector<std::string> args) {
  auto tell = [](int code, const std::string &message) {
    std::fflush(stdout);
    fmt::print(stderr, "error: {}\n", message);
    return code;
  };
  try {
    return run_command(module, std::move(args));
  } catch (const Error &error) {
    return tell(error.code, error.code == exit_defect
                                ? fmt::format("a defect of nnc: {}; please report it with the model", error.what())
                                : error.what());
  } catch (const std::bad_alloc &) {
    return tell(exit_input, "no memory");
  } catch (const std::exception &error) {
    return tell(exit_defect, fmt::format("a defect of nnc: {}; please report it with the model", error.what()));
  }
}

} // namespace nnc::runtime
