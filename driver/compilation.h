#pragma once
// One compile of a file: the front of every command. What it finds wrong is in `diagnostics`.

#include "codegen/compile.h"
#include "codegen/make_entry.h"
#include "frontend/elaborator.h"
#include "frontend/program.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace nnc::driver {

/// Options of every compile (COMMANDS).
struct CompileOptions {
  std::string file;
  std::vector<std::pair<std::string, std::string>> defines; // -D NAME=VALUE
  std::string train;                                        // --train; "": the only one
  std::string real = "f32";
  std::string cpu = "native";
  std::string data_root; // "": anywhere
  std::string print_after;
  bool time_passes = false;
  bool no_cache = false;
  std::string color = "auto";
  std::string error_format = "text";
};

/// The command cannot go on: the message is for the user, who called it wrongly or whose file cannot be read.
struct CommandError : std::runtime_error {
  CommandError(int code, const std::string &message) : std::runtime_error(message), code(code) {}
  int code; // 1 or 2
};

/// The command ends with 1, since the diagnostics have told why.
struct Refused {};

class Compilation {
public:
  /// Reads and parses the file and what it imports, in front of the prelude. Throws CommandError where the file cannot be read.
  explicit Compilation(const CompileOptions &);
  ~Compilation() { tell_times(); }

  /// Elaborates its `train` block (all of the file where `whole`); nothing where there are errors.
  std::optional<frontend::Program> program();

  /// Writes what was found to standard error, and gives the number of errors.
  size_t report() const;
  /// The kernels of a graph. Where the code generator refuses it, the reason is written to standard error; throws Refused.
  codegen::Entry entry(const ir::Function &, const codegen::Layout &, const codegen::EntryOptions &) const;

  /// Of the options; it lives no longer than this.
  codegen::Target target() const;
  /// Takes times where the options ask for it.
  const Timed &timed() const { return timed_; }
  /// Writes the times taken so far to standard error, unless it has.
  void tell_times() const;

  const CompileOptions options;
  SourceMap sources;
  Diagnostics diagnostics{sources};
  std::unique_ptr<frontend::Elaborator> elaborator;
  const frontend::FileScope *file = nullptr;
  std::string directory; // of the file, absolute
  std::string name;      // of the file, without directory and ending

private:
  void write(const Diagnostics &) const;

  Timed timed_;
  mutable std::vector<std::pair<std::string, double>> times_; // in the order of their first end
};

/// The whole of a file; nothing where it cannot be read.
std::optional<std::string> read_file(const std::string &path);

} // namespace nnc::driver
