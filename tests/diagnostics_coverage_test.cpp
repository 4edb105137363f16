// Every kind of diagnostic is provoked by a test that looks at it: a golden file, or a test that says so (AddKinds).

#include "tests/golden.h"

#include <catch2/catch.hpp>

using namespace nnc;

TEST_CASE("every kind of diagnostic is tested", "[golden]") {
  std::set<DiagnosticKind> covered = golden::kinds_of_other_tests();
  for (const auto &[name, run] : golden::suites())
    for (const auto &file : golden::inputs(name)) run(file, covered);
  constexpr DiagnosticKind all[] = {
#define NNC_DIAGNOSTIC(kind, severity, text) DiagnosticKind::kind,
#include "source/diagnostics.def"
  };
  std::vector<std::string> missing;
  for (DiagnosticKind kind : all)
    if (!covered.count(kind)) missing.emplace_back(diagnostic_name(kind));
  CHECK(missing == std::vector<std::string>());
}
