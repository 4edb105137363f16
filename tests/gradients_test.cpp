// `nnc check --gradients`: what is off is wrong, but where a declared adjoint or a gradient stopped in a loop departs from the derivative.

#include "tests/command.h"

#include <catch2/catch.hpp>

using namespace nnc::test;

namespace {

Outcome check_gradients(const std::string &body) {
  TemporaryFolder folder;
  write_text(folder / "model.nn", R"(
fn twice(x: real) -> real = x
adjoint twice(x: real, g: real) -> real = 2 * g
model Net {
  param w: real[2] = 0.5
  fn (x: real[2]) -> real {
)" + body + R"(
  }
}
data pairs { x: real[2] = [[1, 2], [-3, 0.5], [0.25, -1]] }
train {
  net      = Net()
  data     pairs
  minimize net(x)^2
  using    sgd(rate = 0.1)
}
)");
  return run_command({NNC_BINARY, "check", "--gradients", folder / "model.nn"}, folder, 20);
}

} // namespace

TEST_CASE("right derivatives pass the check of gradients") {
  const Outcome outcome = check_gradients("sum(tanh(w * x))");
  INFO(outcome.error << outcome.out);
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("differs") == std::string::npos);
}

TEST_CASE("declared adjoints are reported by the check of gradients, not failed") {
  const Outcome outcome = check_gradients("sum(twice(w * x))");
  INFO(outcome.error << outcome.out);
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("differs by a declared adjoint") != std::string::npos);
}

TEST_CASE("gradients stopped in a loop are reported by the check of gradients, not failed") {
  const Outcome outcome = check_gradients("h = x\nfor _ in 0..9 { h = tanh(w * stop_gradient(h)) + h }\nsum(h)");
  INFO(outcome.error << outcome.out);
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("differs by a gradient stopped in a loop") != std::string::npos);
}
