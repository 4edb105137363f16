#include "tests/golden.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace nnc::golden {

namespace fs = std::filesystem;

std::map<std::string, Run> &suites() {
  static std::map<std::string, Run> table;
  return table;
}

std::set<DiagnosticKind> &kinds_of_other_tests() {
  static std::set<DiagnosticKind> kinds;
  return kinds;
}

static fs::path root() { return fs::path(__FILE__).parent_path() / "golden"; }

fs::path folder(const std::string &suite) { return root() / suite; }

std::vector<fs::path> inputs(const std::string &suite) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder(suite)))
    for (const auto &entry : fs::directory_iterator(folder(suite)))
      if (entry.path().extension() == ".nn") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_file(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void note_kinds(const Diagnostics &diagnostics, std::set<DiagnosticKind> &kinds) {
  for (const Diagnostic &diagnostic : diagnostics.all()) kinds.insert(diagnostic.kind);
}

} // namespace nnc::golden

using namespace nnc;
namespace fs = std::filesystem;

TEST_CASE("golden files", "[golden]") {
  const char *setting = std::getenv("NNC_UPDATE_GOLDEN");
  bool update = setting && std::string(setting) == "1";
  for (const auto &[name, run] : golden::suites()) {
    REQUIRE_FALSE(golden::inputs(name).empty());
    for (const fs::path &file : golden::inputs(name)) {
      std::set<DiagnosticKind> kinds;
      std::string found = run(file, kinds);
      fs::path expected = fs::path(file).replace_extension(".expected");
      if (update) std::ofstream(expected, std::ios::binary) << found;
      INFO(name << "/" << file.filename().string());
      CHECK(found == golden::read_file(expected));
    }
  }
}

TEST_CASE("every folder of golden files has its suite, and every expected text its input", "[golden]") {
  for (const auto &entry : fs::directory_iterator(golden::folder(""))) {
    INFO(entry.path().string());
    CHECK(golden::suites().count(entry.path().filename().string()) == 1);
    for (const auto &file : fs::directory_iterator(entry.path()))
      if (file.path().extension() == ".expected") CHECK(fs::exists(fs::path(file.path()).replace_extension(".nn")));
  }
}
