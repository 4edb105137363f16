// The suite `check` of the golden files: programs that elaboration refuses, and the types of those that it accepts.

#include "frontend/elaborator.h"
#include "frontend/prelude.h"
#include "tests/golden.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace nnc;
using namespace nnc::frontend;

namespace {

ElaboratorOptions options() {
  ElaboratorOptions options;
  options.prelude = prelude_files();
  options.read_file = [](const std::string &path) -> std::optional<std::string> {
    if (path == "shared.nn") return "fn twice(x: real) = 2 * x\nfn half(x: real) = x / 2\n";
    if (path == "other.nn") return "fn twice(x: real) = x + x\n";
    return std::nullopt;
  };
  options.data.probe = [](const DataFile &file) {
    SourceHeader header;
    if (file.path != "table.csv") header.error = "there is no such file";
    header.row = {3};
    header.columns = {"area", "rooms", "price"};
    return header;
  };
  return options;
}

/// Diagnostics as a person sees them, or the types of all bindings where there are none.
std::string run_check(const std::filesystem::path &path, std::set<DiagnosticKind> &kinds) {
  SourceMap sources;
  Diagnostics diagnostics(sources);
  ElaboratorOptions with = options();
  if (path.stem() == "unknown_define") with.defines = {{"widht", "3"}, {"depth", "1-2"}, {"quick", "yes"}, {"name", "3"}};
  Elaborator elaborator(sources, diagnostics, std::move(with));
  const FileScope *file = elaborator.load(path.filename().string(), golden::read_file(path));
  elaborator.finish(*file);
  if (path.stem() == "no_such_function") elaborator.elaborate_function(*file, "Digit", {});
  golden::note_kinds(diagnostics, kinds);
  return diagnostics.all().empty() ? elaborator.print_typed() : render_text(diagnostics, false);
}

golden::AddSuite add{"check", run_check};

} // namespace
