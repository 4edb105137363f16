// Compiled code finds the stack that it needs, whatever the user's limit.

#include "runtime/stack.h"
#include "tests/command.h"

#include <catch2/catch.hpp>

#include <pthread.h>
#include <stdexcept>
#include <sys/resource.h>

using namespace nnc;
using test::run_command;

namespace {

/// The stack of the thread that calls it.
int64_t stack_size() {
  pthread_attr_t attributes;
  size_t bytes = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_destroy(&attributes);
  return static_cast<int64_t>(bytes);
}

} // namespace

TEST_CASE("work gets the stack that it asks for", "[stack]") {
  int64_t size = 0;
  {
    runtime::Thread thread(5 << 20, [&] { size = stack_size(); });
  }
  CHECK(size >= (5 << 20) + runtime::spare_stack);
  rlimit before{};
  getrlimit(RLIMIT_STACK, &before);
  const rlimit low{256 << 10, before.rlim_max};
  setrlimit(RLIMIT_STACK, &low);
  runtime::with_stack(3 << 20, [&] { size = stack_size(); });
  CHECK(size >= (3 << 20));
  CHECK_THROWS_AS(runtime::with_stack(3 << 20, [] { throw std::runtime_error("thrown"); }), std::runtime_error);
  setrlimit(RLIMIT_STACK, &before);
  const pthread_t self = pthread_self();
  bool is_here = false;
  runtime::with_stack(64 << 10, [&] { is_here = pthread_equal(self, pthread_self()); });
  CHECK(is_here);
}

TEST_CASE("a program trains alike under a small limit of the stack", "[stack]") {
  test::TemporaryFolder folder;
  test::write_text(folder / "net.nn", R"nn(
model Net {
  param q: real[4, 256, 32] = 0.1 * normal(4, 256, 32)
  param k: real[4, 256, 32] = 0.1 * normal(4, 256, 32)
  fn (x: real) -> real {
    score[g, i, j] = where(j <= i, x * sum[c] q[g, i, c] * k[g, j, c], -inf)
    weight = softmax(score)
    mixed[g, i, c] = sum[j] weight[g, i, j] * k[g, j, c]
    sum(flatten(mixed^2))
  }
}
data numbers {
  x: real = [1.0, 2.0, 3.0, 4.0]
}
train {
  net = Net()
  data numbers
  minimize net(x)
  using sgd(rate = 1e-3)
  batch 4
  steps 3
}
)nn");
  const auto check = run_command({NNC_BINARY, "check", folder / "net.nn"}, folder);
  INFO(check.error << check.out);
  CHECK(check.out.find("each thread") != std::string::npos);
  const auto made = run_command({"/bin/sh", "-c", "ulimit -s 256; exec \"$0\" net.nn -o net", NNC_BINARY}, folder);
  INFO(made.error);
  REQUIRE(made.code == 0);
  std::string saved;
  for (const char *command :
       {"./net", "ulimit -s 256; ./net --threads 1", "ulimit -s 256; ./net --threads 2", "ulimit -s 256; \"$0\" run net.nn --"}) {
    INFO(command);
    const auto trained =
        run_command({"/bin/sh", "-c", std::string(command) + " --quiet --save net.safetensors", NNC_BINARY}, folder);
    INFO(trained.error);
    REQUIRE(trained.code == 0);
    const std::string parameters = test::read_text(folder / "net.safetensors");
    if (saved.empty()) saved = parameters;
    CHECK((!parameters.empty() && parameters == saved));
  }
}
