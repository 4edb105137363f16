// Tensors that are named and never made may be larger than memory; those that would be made are refused where they stand.

#include "tests/command.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace test = nnc::test;
using test::Outcome;
using test::run_command;

namespace {

Outcome compiler(std::vector<std::string> arguments, const std::string &model) {
  test::TemporaryFolder folder;
  test::write_text(folder / "net.nn", model);
  arguments.insert(arguments.begin(), NNC_BINARY);
  return run_command(arguments, folder);
}

std::string training(const std::string &cost) {
  return fmt::format(R"nn(
model Net {{
  param w: real[60000] = zeros(60000)
  fn (x: real) {{
    {}
  }}
}}
data numbers {{
  x: real = [1.0, 2.0]
}}
train {{
  net = Net()
  data numbers
  minimize net(x)
  using sgd(rate = 1e-3)
  batch 1
  steps 2
}}
)nn",
                     cost);
}

} // namespace

TEST_CASE("a convolution whose products would not fit in memory has kernels", "[sizes]") {
  const Outcome made = compiler({"check", "net.nn"}, R"nn(
model Net {
  wide = Conv2d(256, 256, 3, pad = 1)
  fn (x: real) {
    image[c in 0..256, i in 0..64, j in 0..64] = x + c + i - j
    sum(flatten(wide(image)))
  }
}
data numbers {
  x: real = [1.0, 2.0]
}
train {
  net = Net()
  data numbers
  minimize net(x)
  using sgd(rate = 1e-3)
  batch 1
}
)nn");
  CHECK(made.error == "");
  CHECK(made.code == 0);
}

TEST_CASE("more products than fit in memory are summed", "[sizes]") {
  const Outcome outcome = compiler({"eval", "--real=f64", "net.nn", "f", "x=1.5"}, "fn f(x: real) {\n"
                                                                                   "  a[i in 0..50000] = x\n"
                                                                                   "  sum[i, j] a[i] * a[j]\n"
                                                                                   "}\n");
  INFO(outcome.error);
  CHECK(outcome.out == "5625000000\n");
}

TEST_CASE("a tensor that memory cannot hold is refused where it is computed", "[sizes]") {
  const std::string twice =
      "z[i, j] = exp(w[i] * w[j] * x)\n    s[i] = sum[j] z[i, j]\n    sum[i, j] z[i, j] * exp(z[j, i] - s[i])";
  const std::string message = "net.nn:5:15: error: elements that are kept in memory here for each example: 3600000000 are more "
                              "than the limit of 2147483647\n";
  for (const char *command : {"check", "run"}) {
    const Outcome trained = compiler({command, "net.nn"}, training(twice));
    CHECK(trained.code == 1);
    CHECK(trained.error.starts_with(message));
    CHECK(trained.error.find("make an axis shorter") != std::string::npos);
  }
  const Outcome json = compiler({"check", "--error-format=json", "net.nn"}, training(twice));
  CHECK(json.error.find("\"kind\":\"limit_exceeded\"") != std::string::npos);

  const Outcome called = compiler({"eval", "net.nn", "f", "x=1"}, "fn f(x: real) {\n"
                                                                  "  a[i in 0..60000] = x + i\n"
                                                                  "  z[i, j] = exp(a[i] - a[j])\n"
                                                                  "  z\n"
                                                                  "}\n");
  CHECK(called.code == 1);
  CHECK(called.error.starts_with("net.nn:3:"));
  CHECK(called.error.find("3600000000 are more than") != std::string::npos);
}

TEST_CASE("what a kernel computes and takes up at once may be larger than memory", "[sizes]") {
  const Outcome outcome = compiler({"eval", "net.nn", "f", "x=1"}, "fn f(x: real) {\n"
                                                                   "  a[i in 0..47000] = x * i\n"
                                                                   "  max[i, j] abs(a[i] - a[j])\n"
                                                                   "}\n");
  INFO(outcome.error);
  CHECK(outcome.out == "46999\n");
}
