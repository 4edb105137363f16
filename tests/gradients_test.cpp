// `nnc check --gradients`: derivatives against differences, and what cannot be held against them.

#include "tests/command.h"

#include <catch2/catch.hpp>

using namespace nnc::test;

static Outcome check_gradients(const std::string &file) {
  TemporaryFolder folder;
  return run_command({NNC_BINARY, "check", "--gradients", std::string(NNC_SOURCE_DIR) + "/" + file}, folder, 60);
}

static size_t lines_with(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_CASE("derivatives agree with differences: a chain, a recurrent loop, batch normalisation", "[gradients]") {
  for (const char *file : {"examples/chain.nn", "tests/programs/reversal.nn", "tests/programs/heads.nn"}) {
    const Outcome outcome = check_gradients(file);
    INFO(file << "\n" << outcome.out << outcome.error);
    CHECK(outcome.code == 0);
    CHECK(lines_with(outcome.out, " elements") >= 2);
    CHECK(lines_with(outcome.out, "WRONG") == 0);
  }
}

TEST_CASE("a declared adjoint is reported, not failed", "[gradients]") {
  const Outcome outcome = check_gradients("tests/programs/straight.nn");
  INFO(outcome.out << outcome.error);
  CHECK(outcome.code == 0);
  CHECK(lines_with(outcome.out, "through `adjoint bit`") == 1);
  CHECK(lines_with(outcome.out, "WRONG") == 0);
}
