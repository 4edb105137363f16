// nnc: the command. Reads the command line and calls one of driver/commands.h.

#include "codegen/compile.h"
#include "driver/commands.h"

#include "ir/builder.h"
#include "passes/pass.h"
#include "runtime/error.h"
#include "runtime/stack.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>

namespace {

using namespace nnc::driver;

/// The options of every compile.
void add_compile_options(CLI::App &app, CompileOptions &options) {
  app.add_option_function<std::vector<std::string>>(
         "-D,--define",
         [&options](const std::vector<std::string> &definitions) {
           for (const std::string &definition : definitions) {
             size_t equals = definition.find('=');
             if (equals == std::string::npos || equals == 0)
               throw CLI::ValidationError("-D", "takes NAME=VALUE, but is given " + definition);
             options.defines.emplace_back(definition.substr(0, equals), definition.substr(equals + 1));
           }
         },
         "another value for a `let`")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false) // `-D n=3 model.nn`
      ->take_all();
  app.add_option("--train", options.train, "the train block, where the file has several")->type_name("NAME");
  app.add_option("--real", options.real, "the type `real`")
      ->check(CLI::IsMember({"f32", "f64", "bf16"}))
      ->type_name("f32|f64|bf16");
  app.add_option("--cpu", options.cpu, "the processor to compile for")
      ->check(CLI::IsMember({"native", "x86-64-v2", "x86-64-v3", "x86-64-v4"}))
      ->type_name("native|x86-64-v2|x86-64-v3|x86-64-v4");
  app.add_option("--data-root", options.data_root, "refuse data outside this folder")->type_name("DIR");
  std::vector<std::string> passes;
  for (const nnc::passes::Pass &pass : nnc::passes::optimizations()) passes.push_back(pass.name);
  app.add_option("--print-after", options.print_after, "write the graphs as they are after this pass")
      ->check(CLI::IsMember(passes))
      ->type_name("PASS");
  app.add_flag("--time-passes", options.time_passes, "write the time of each pass to standard error");
  app.add_flag("--no-cache", options.no_cache, "neither take machine code from the user's cache nor keep it there");
  app.add_option("--color", options.color, "colors in messages")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("auto|always|never");
  app.add_option("--error-format", options.error_format, "how errors are written")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("text|json");
}

void add_model(CLI::App &app, CompileOptions &options) {
  app.add_option("MODEL", options.file, "the .nn file")->required()->option_text(" ");
}

/// A command of the contract that is not there yet.
void add_missing(CLI::App &app, const char *name, const char *summary) {
  CLI::App *command = app.add_subcommand(name, summary);
  command->allow_extras();
  command->callback([name] { throw CommandError(2, fmt::format("`nnc {}` is not supported yet", name)); });
}

int command_line(int argc, char **argv) {
  // What stands behind `--` is for the program that `nnc run` makes.
  std::vector<std::string> own, program;
  bool behind = false;
  for (int i = 1; i < argc; ++i) {
    if (!behind && std::string_view(argv[i]) == "--")
      behind = true;
    else
      (behind ? program : own).emplace_back(argv[i]);
  }

  CompileOptions options;
  EvalOptions eval;
  std::string output, emit, prelude;
  bool gradients = false;
  int code = 0;

  CLI::App app{"nnc compiles a .nn file, the mathematics of one example, to a program that trains it."};
  app.set_version_flag("--version", "nnc " NNC_VERSION);
  app.footer("  nnc MODEL.nn -o train        makes a training program\n"
             "  nnc MODEL.nn --emit=KIND     writes a stage of the compile to standard output, or to -o FILE");
  app.require_subcommand(0, 1);
  app.add_option("MODEL", options.file, "the .nn file")->option_text(" ");
  app.add_option("-o,--output", output, "the file to write")->type_name("FILE");
  app.add_option("--emit", emit, "the stage to write")->check(CLI::IsMember(emit_kinds()))->type_name("KIND");
  add_compile_options(app, options);

  CLI::App *run = app.add_subcommand("run", "compile in memory and train at once; options of the program stand behind --");
  add_model(*run, options);
  add_compile_options(*run, options);
  run->callback([&] { code = run_model(options, program); });

  CLI::App *check = app.add_subcommand("check", "names, types and shapes only; then what training will need");
  add_model(*check, options);
  add_compile_options(*check, options);
  check->add_flag("--gradients", gradients, "compare every parameter's derivative with finite differences");
  check->callback([&] { code = gradients ? check_gradients(options) : check_model(options); });

  CLI::App *evaluate = app.add_subcommand("eval", "call a function or model of the file");
  add_model(*evaluate, options);
  add_compile_options(*evaluate, options);
  evaluate->add_option("NAME", eval.function, "the function or model")->required()->option_text(" ");
  evaluate->add_option("NAME=VALUE", eval.values, "arguments; the result is printed")->option_text(" ");
  evaluate->add_option("--in", eval.in, "arguments and parameters, safetensors")->type_name("FILE");
  evaluate->add_option("--out", eval.out, "where results go, safetensors")->type_name("FILE");
  evaluate->add_flag("--grad", eval.gradients, "also the gradient of the sum of the result's elements");
  evaluate->callback([&] { code = eval_function(options, eval); });

  CLI::App *library = app.add_subcommand("prelude", "write the prelude's source");
  library->add_option("NAME", prelude, "one declaration of it")->option_text(" ");
  library->callback([&] { code = print_prelude(prelude); });

  add_missing(app, "explain", "the chain rule written out with its numbers");
  add_missing(app, "fmt", "the one layout");
  add_missing(app, "lsp", "the language server");

  std::reverse(own.begin(), own.end());
  try {
    app.parse(own);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!app.get_subcommands().empty()) return code;
  if (!program.empty()) throw CommandError(2, "what stands behind `--` is for the program of `nnc run`");
  if (options.file.empty()) throw CommandError(2, "nnc needs a .nn file; `nnc --help` tells more");
  if (!emit.empty()) return emit_stage(options, emit, output);
  if (output.empty())
    throw CommandError(2, "nnc needs `-o FILE` for the program, or `--emit=KIND`; `nnc run MODEL.nn` trains at once");
  return build_program_file(options, output);
}

} // namespace

int main(int argc, char **argv) {
  try {
    int code = 0;
    nnc::runtime::with_stack(nnc::codegen::stack_of_compile, [&] { code = command_line(argc, argv); });
    return code;
  } catch (const CommandError &error) {
    fmt::print(stderr, "nnc: error: {}\n", error.what());
    return error.code;
  } catch (const nnc::driver::Refused &) {
    return 1;
  } catch (const nnc::runtime::Error &error) {
    fmt::print(stderr, "nnc: error: {}\n", error.what());
    return 1;
  } catch (const std::exception &error) {
    fmt::print(stderr,
               "nnc: internal error: {}\nThis is a defect of nnc, not of your program. Please report it with the .nn file and "
               "this command line.\n",
               error.what());
    return 70;
  }
}
