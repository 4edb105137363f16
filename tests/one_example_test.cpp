// Programs whose mini-batch is one example have an entry for it, made of the kernels of `train` (codegen/one_example.h). The same program made for
// another mini-batch has not, and trains with `--batch 1` to the same bytes.

#include "tests/command.h"

#include <catch2/catch.hpp>

using namespace nnc;
using Catch::Matchers::Contains;

namespace {

struct Case {
  const char *name;
  const char *model; // Net
  const char *train; // from `minimize` on
};

const char *const data = R"(data points {
  x: real[3] = [[0, 1, -2], [1, 1, 0], [-2, 0, 1], [1, -2, 2], [0, 0, 1]]
  y: real    = [1, 0, 2, -1, 0]
}
)";

const char *const chain = R"(model Net {
  param w: real = 0.9
  param b: real = -0.1
  param v: real = 90
  fn (x: real[3]) -> real { a = sigmoid(w * x[1] + b)
    sigmoid(v * a - x[0]) }
}
)";

const Case cases[] = {
    {"scalars", chain, "minimize (net(x) - y)^2\n  using sgd(rate = 0.5, momentum = 0.9)"},
    // Gradients that are zero, of either sign, in states too.
    {"zeros",
     "model Net {\n  param w: real = -0\n  param v: real = 0\n  fn (x: real[3]) -> real = relu(-w * x[0]) * v - relu(v)\n}\n",
     "minimize -(net(x) - y) * x[2]\n  using adam(rate = 0.01)\n  clip_norm 0.5"},
    {"far",
     "model Net {\n  param w: real = 40\n  fn (x: real[3]) -> real = exp(w * x[2]) / (1 + exp(w * x[2])) + exp(-3 * w)\n}\n",
     "minimize (net(x) - y)^2\n  using sgd(rate = 3)"},
    {"layers", R"(model Net {
  a = Dense(3, 5)
  b = Dense(5, 1)
  fn (x: real[3]) -> real { h = dropout(tanh(a(x)), 0.3)
    r = b(h / (1 + sum(abs(h))))
    r[0] }
}
)",
     "minimize (net(x) - y)^2\n  using adam(rate = 0.01)\n  report miss = abs(net(x) - y)"},
    {"across",
     "model Net {\n  param w: real[3] = 0.5\n  fn (x: real[3]) -> real = w @ x - batch_mean(w @ (x * x)) + max(x * w)\n}\n",
     "minimize (net(x) - y)^2\n  using sgd(rate = linear(0.1, warmup = 2, floor = 0.01))"},
    {"turns",
     "model Net {\n  param w: real[3] = 0.3\n  fn (x: real[3]) -> real {\n    s = 0.1\n    for v in x { s = tanh(s * w[0] + v * "
     "w[1]) }\n"
     "    s\n  }\n}\n",
     "minimize (net(x) - y)^2\n  using sgd(rate = 0.1)"},
};

std::string program(const Case &c, int batch) {
  return std::string(data) + c.model + "train {\n  net = Net()\n  data points\n  " + c.train + "\n  batch " +
         std::to_string(batch) + "\n  steps 33\n  seed 3\n}\n";
}

} // namespace

TEST_CASE("the entry for one example leaves the bytes of the general one", "[one_example]") {
  for (const Case &c : cases) {
    test::TemporaryFolder folder;
    auto run = [&](std::vector<std::string> words) {
      const auto outcome = test::run_command(words, folder);
      INFO(c.name << "\n" << outcome.out << outcome.error);
      REQUIRE(outcome.code == 0);
      return outcome.out;
    };
    test::write_text(folder / "net.nn", program(c, 2));
    run({NNC_BINARY, folder / "net.nn", "--cpu", test::test_cpu(), "-o", folder / "general"});
    run({folder / "general", "--batch", "1", "--quiet", "--save", folder / "general.st"});
    test::write_text(folder / "net.nn", program(c, 1));
    CHECK_THAT(run({NNC_BINARY, folder / "net.nn", "--emit=kernels"}), Contains("entry train_one steps"));
    run({NNC_BINARY, folder / "net.nn", "--cpu", test::test_cpu(), "-o", folder / "one"});
    run({folder / "one", "--quiet", "--save", folder / "one.st", "--threads", "2"});
    run({NNC_BINARY, "run", folder / "net.nn", "--cpu", test::test_cpu(), "--", "--quiet", "--save", folder / "run.st"});
    INFO(c.name);
    CHECK(test::read_text(folder / "one.st") == test::read_text(folder / "general.st"));
    CHECK(test::read_text(folder / "one.st") == test::read_text(folder / "run.st"));
    // It goes on from what the other one left in the middle of an epoch.
    run({folder / "general", "--batch", "1", "--steps", "7", "--quiet", "--save", folder / "half.st"});
    for (const char *name : {"general", "one"})
      run({folder / name, "--batch", "1", "--steps", "11", "--quiet", "--load", folder / "half.st", "--save",
           folder / name + std::string(".st")});
    CHECK(test::read_text(folder / "one.st") == test::read_text(folder / "general.st"));
  }
}

TEST_CASE("a step on one example without an axis is one kernel, and a profile tells of it", "[one_example]") {
  test::TemporaryFolder folder;
  test::write_text(folder / "net.nn", program(cases[0], 1));
  const auto run = [&](const std::vector<std::string> &more) {
    std::vector<std::string> words = {NNC_BINARY, "run", folder / "net.nn", "--", "--profile", "--steps", "50"};
    words.insert(words.end(), more.begin(), more.end());
    const auto outcome = test::run_command(words, folder);
    INFO(outcome.error);
    REQUIRE(outcome.code == 0);
    return outcome.out;
  };
  const std::string one = run({});
  CHECK_THAT(one, Contains("train_one_0_map") && !Contains("train_one_1") && !Contains("train_0_"));
  const std::string general = run({"--batch", "2"});
  CHECK_THAT(general, !Contains("train_one") && Contains("train_1_"));
}
