#include "driver/compilation.h"

#include "codegen/object_cache.h"
#include "codegen/plan.h"
#include "driver/data_files.h"
#include "frontend/prelude.h"
#include "frontend/program_build.h"
#include "ir/limits.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace nnc::driver {

namespace fs = std::filesystem;

std::optional<std::string> read_file(const std::string &path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error) && !fs::is_fifo(path, error)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Compilation::Compilation(const CompileOptions &given) : options(given) {
  if (options.time_passes)
    timed_ = [this](const std::string &what, double seconds) {
      auto known = std::find_if(times_.begin(), times_.end(), [&](const auto &time) { return time.first == what; });
      if (known == times_.end()) known = times_.insert(known, {what, 0});
      known->second += seconds;
    };
  Stopwatch watch(timed_, "parse");
  if (options.real == "bf16") throw CommandError(2, "--real=bf16 is not supported yet");
  std::optional<std::string> text = read_file(options.file);
  if (!text) {
    std::error_code error;
    const char *why = fs::is_directory(options.file, error) ? "it is a directory"
                      : !fs::exists(options.file, error)    ? "there is no such file"
                      : !fs::is_regular_file(options.file)  ? "it is not a file"
                                                            : std::strerror(errno);
    throw CommandError(1, fmt::format("cannot read {}: {}", options.file, why));
  }
  fs::path path = fs::absolute(options.file);
  directory = path.parent_path().string();
  name = path.stem().string();

  frontend::ElaboratorOptions settings;
  settings.real = options.real == "f64" ? ir::Elem::f64 : ir::Elem::f32;
  settings.defines = options.defines;
  settings.prelude = frontend::prelude_files();
  settings.read_file = read_file;
  settings.data = source_reader(directory, options.data_root);
  elaborator = std::make_unique<frontend::Elaborator>(sources, diagnostics, std::move(settings));
  file = elaborator->load(options.file, std::move(*text));
}

codegen::Target Compilation::target() const {
  codegen::Target target;
  target.cpu = options.cpu;
  if (!options.no_cache) target.cache = codegen::user_cache();
  target.timed = timed_;
  return target;
}

void Compilation::tell_times() const {
  for (const auto &[what, seconds] : times_) fmt::print(stderr, "{:>10.3f} ms  {}\n", 1e3 * seconds, what);
  times_.clear();
}

std::optional<frontend::Program> Compilation::program() {
  Stopwatch watch(timed_, "elaborate");
  std::optional<frontend::Program> made = frontend::build_program(*elaborator, *file, options.train);
  elaborator->finish(*file);
  return diagnostics.error_count() ? std::nullopt : std::move(made);
}

void Compilation::write(const Diagnostics &found) const {
  bool color = options.color == "always" || (options.color == "auto" && isatty(2));
  fmt::print(stderr, "{}", options.error_format == "json" ? render_json(found) : render_text(found, color));
}

size_t Compilation::report() const {
  write(diagnostics);
  return diagnostics.error_count();
}

codegen::Entry Compilation::entry(const ir::Function &graph, const codegen::Layout &layout,
                                  const codegen::EntryOptions &made_for) const {
  try {
    return codegen::make_entry(graph, layout, made_for);
  } catch (const codegen::TooLarge &found) {
    Diagnostics refused(sources); // what was found before has been written
    refused
        .report(DiagnosticKind::limit_exceeded, found.place, "elements that are kept in memory here for each example",
                found.elements, ir::most_in_memory)
        .note("the value of this, or a derivative by it, is needed as a whole: make an axis shorter, or compute a part of it in "
              "each turn of a loop");
    write(refused);
    throw Refused{};
  }
}

} // namespace nnc::driver
