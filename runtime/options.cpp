#include "runtime/options.h"

#include "runtime/error.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <thread>

namespace nnc::runtime {
namespace {

constexpr struct {
  const char *name, *summary;
  Command command;
} commands[] = {{"train", "Trains the model and saves its parameters.", Command::train},
                {"eval", "Computes cost and reports of saved parameters over the validation data.", Command::eval},
                {"predict", "Computes the predictions of saved parameters.", Command::predict},
                {"info", "Says what the model is made of.", Command::info}};

constexpr const char *later[] = {"--checkpoint", "--checkpoint-every", "--resume", "--plot"};

constexpr int64_t largest = (int64_t(1) << 31) - 1; // of counts: the number of examples is an i32
constexpr int64_t most_steps = int64_t(1) << 51;
constexpr int most_threads = 1024;

/// NAME=VALUE
std::pair<std::string, std::string> split_assignment(const char *option, const std::string &text) {
  size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) refuse("{} {}: NAME=VALUE expected", option, text);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// CLI11 lets a negative number wrap around where an unsigned one is asked for.
std::string not_negative(const std::string &text) { return text.starts_with("-") ? text + " is negative" : ""; }

/// What the options are parsed into before they are brought into form.
struct Texts {
  std::vector<std::string> data, settings;
  std::string shuffle, progress = "auto";
};

template <class T>
void add_number(CLI::App &app, const char *name, std::optional<T> &value, const char *help, T lowest, T highest) {
  app.add_option(name, value, help)->check(CLI::Range(lowest, highest))->type_name("N");
}

void add_common(CLI::App &app, Options &options, Texts &texts) {
  add_number<int64_t>(app, "--batch", options.batch, "examples in a mini-batch", 1, largest);
  app.add_option("--seed", options.seed, "of all random draws")->check(not_negative)->type_name("N");
  app.add_option("--threads", options.threads, "default: the machine's cores")
      ->check(CLI::Range(1, most_threads))
      ->type_name("N");
  app.add_option("--data", texts.data, "another file for a source of the data block")
      ->type_name("NAME=PATH")
      ->allow_extra_args(false);
  app.add_option("--load", options.load, "parameters to start from (safetensors)")->type_name("FILE");
}

void add_train(CLI::App &app, Options &options, Texts &texts) {
  add_number<int64_t>(app, "--epochs", options.epochs, "passes over the data", 1, largest);
  add_number<int64_t>(app, "--steps", options.steps, "steps in all, in place of epochs", 1, most_steps);
  app.add_option("--shuffle", texts.shuffle, "whether each epoch has an order of its own")->check(CLI::IsMember({"on", "off"}));
  app.add_option("--set", texts.settings, "another value for an argument of the optimizer")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_option("--save", options.save, "where parameters go; default: the model's name with .safetensors")->type_name("FILE");
  app.add_option("--log", options.log, "events as JSON lines")->type_name("FILE");
  app.add_option("--log-every", options.log_every, "a step event each N steps")
      ->check(CLI::Range(int64_t(1), largest))
      ->type_name("N");
  app.add_flag("--profile", options.profile, "in the end, the time of each kernel and how near it is to what the machine can do");
  app.add_flag("--quiet", options.quiet, "print errors only");
  app.add_option("--progress", texts.progress, "a bar within epochs")->check(CLI::IsMember({"auto", "always", "never"}));
}

void add_predict(CLI::App &app, Options &options) {
  app.add_option("--in", options.in, "inputs (csv, npy or safetensors) in place of the data block's")->type_name("FILE");
  app.add_option("--out", options.out, "csv, npy or safetensors by its ending; default: csv to standard output")
      ->type_name("FILE");
  add_number<int64_t>(app, "--count", options.count, "how many, for predictions that read no data", 1, largest);
}

void finish(Options &options, const Texts &texts) {
  for (const std::string &text : texts.data)
    options.data.insert_or_assign(split_assignment("--data", text).first, split_assignment("--data", text).second);
  for (const std::string &text : texts.settings) {
    auto [name, value] = split_assignment("--set", text);
    double number;
    if (!CLI::detail::lexical_cast(value, number) || !std::isfinite(number))
      refuse("--set {}: `{}` is not a finite number", text, value);
    options.settings[name] = number;
  }
  if (!texts.shuffle.empty()) options.shuffle = texts.shuffle == "on";
  if (texts.progress != "auto") options.progress = texts.progress == "always" ? ShowProgress::always : ShowProgress::never;
  if (options.epochs && options.steps) refuse("--epochs and --steps: one of the two");
  if (options.log_every > 0 && options.log.empty()) refuse("--log-every needs --log FILE");
}

void refuse_later(const std::vector<std::string> &args) {
  for (const std::string &arg : args)
    for (const char *option : later)
      if (arg.substr(0, arg.find('=')) == option) refuse("{} is not supported yet", option);
}

} // namespace

std::variant<Options, int> parse_options(std::vector<std::string> args) {
  Options options;
  options.threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, most_threads);
  Texts texts;
  const auto *command = std::begin(commands);
  if (!args.empty() && !args[0].starts_with("-")) {
    command = std::find_if(std::begin(commands), std::end(commands), [&](const auto &known) { return args[0] == known.name; });
    if (args[0] == "generate") refuse("generate is not supported yet");
    if (command == std::end(commands))
      refuse("`{}` is no command: train, eval, predict or info; --help says more", shown(args[0]));
    args.erase(args.begin());
  }
  refuse_later(args);
  options.command = command->command;
  CLI::App app(command->summary, command->name);
  if (options.command == Command::train) app.footer("Other commands: eval, predict, info; each has a --help of its own.");
  add_common(app, options, texts);
  if (options.command == Command::train) add_train(app, options, texts);
  if (options.command == Command::predict) add_predict(app, options);
  try {
    std::reverse(args.begin(), args.end()); // as CLI11 takes them
    app.parse(args);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  finish(options, texts);
  return options;
}

} // namespace nnc::runtime
