// `nnc prelude NAME`, and that everything in the prelude is documented.

#include "frontend/prelude.h"
#include "tests/command.h"

#include <catch2/catch.hpp>

#include <sstream>

using namespace nnc;

namespace {

test::Outcome prelude(const std::string &name) {
  test::TemporaryFolder folder;
  return test::run_command({NNC_BINARY, "prelude", name}, folder);
}

} // namespace

TEST_CASE("every declaration of the prelude has a doc comment") {
  for (const frontend::PreludeFile &file : frontend::prelude_files()) {
    std::istringstream text(file.text);
    std::string line, before;
    for (int number = 1; std::getline(text, line); before = line, ++number) {
      if (!line.starts_with("fn ") && !line.starts_with("model ") && !line.starts_with("optimizer ")) continue;
      INFO(file.name << ":" << number << ": " << line);
      CHECK(before.starts_with("## "));
    }
  }
}

TEST_CASE("nnc prelude prints what a name means") {
  // declarations; initial values by the name after `~`; functions and values that are built in
  for (const std::string name :
       {"relu", "Dense", "adam", "cosine", "he", "orthogonal", "exp", "argmax", "grad", "csv", "pi", "here"}) {
    INFO(name);
    const auto outcome = prelude(name);
    CHECK(outcome.code == 0);
    CHECK(outcome.out.starts_with("## "));
    CHECK(outcome.out.find(name) != std::string::npos);
  }
  const auto both = prelude("uniform"); // draws, and an initial value
  CHECK(both.out.find("uniform(shape…)") != std::string::npos);
  CHECK(both.out.find("fn initial_uniform") != std::string::npos);
  const auto unknown = prelude("sofmax");
  CHECK(unknown.code == 1);
  CHECK(unknown.error == "nnc: error: the prelude has no `sofmax`; did you mean `softmax`?\n");
}
