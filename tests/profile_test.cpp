// What a kernel has to do, counted; and `--profile`, which tells how long it took.

#include "codegen/work.h"
#include "tests/command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace nnc;
using namespace nnc::codegen;
using Catch::Matchers::Contains;
using ir::Elem;
using ir::Op;

namespace {

Buffer scratch(Size elements, Elem elem = Elem::f32) { return {Space::arena, 0, 0, elem, elements, "b"}; }

const char *model = R"(data points {
  x: real[3] = [[0, 1, 2], [1, 1, 0], [2, 0, 1], [1, 2, 2], [0, 0, 1]]
  y: real    = [1, 0, 2, 1, 0]
}
model Two {
  a = Dense(3, 40)
  b = Dense(40, 1)
  fn (x: real[3]) -> real { r = x |> a |> tanh |> b
    r[0] }
}
train {
  net      = Two()
  data     points
  minimize (net(x) - y)^2
  using    adam(rate = 0.01)
  batch    2
  steps    400
  seed     3
}
)";

nlohmann::json profile_event(const std::string &log) {
  std::istringstream lines(test::read_text(log));
  for (std::string line; std::getline(lines, line);)
    if (auto event = nlohmann::json::parse(line); event.at("event") == "profile") return event;
  return {};
}

} // namespace

TEST_CASE("work counts operations, and the elements that are read and written once each", "[profile]") {
  const Size b = Size::power(1, 1);
  // c[m, n] = Σ a[m, k]·b[k, n] with m = B, n = 5, k = 7, and c's elements doubled.
  Kernel product;
  product.contraction = Contraction{b, 5, {7}, {0, 0, {7, 0, 1}, {}}, {1, 0, {0, 1, 5}, {}}, Elem::f32};
  product.values = {instruction(Code::accumulator, Elem::f32, {}), scalar_of(Op::add, Elem::f32, {0, 0}, {}),
                    store_of(1, Elem::f32, {2, 0, {5, 1}, {}}, {})};
  product.stages = {Stage{{b, 5}, {0, 1, 2}}};
  Work work = work_of(product, {scratch(b * Size(7)), scratch(35), scratch(b * Size(5))});
  CHECK(value_at(work.operations, 10) == 2 * 10 * 5 * 7 + 10 * 5);
  CHECK(value_at(work.bytes, 10) == 4 * (70 + 35 + 50));

  // y[i] = t[r[i]] + t[r[i]], of a table with 4 rows of a byte: no more is touched than there is.
  Kernel gather;
  gather.axes = {b};
  gather.values = {load_of(Elem::i32, {0, 0, {1}, {}}, {}), load_of(Elem::u8, {1, 0, {}, {{0, 1}}}, {}),
                   scalar_of(Op::add, Elem::f32, {1, 1}, {}), store_of(2, Elem::f32, {2, 0, {1}, {}}, {})};
  gather.stages = {Stage{{}, {0, 1, 2, 3}}};
  work = work_of(gather, {scratch(b, Elem::i32), scratch(4, Elem::u8), scratch(b)});
  CHECK(value_at(work.operations, 100) == 100);
  CHECK(value_at(work.bytes, 100) == 4 * 100 + 4 + 4 * 100);
}

TEST_CASE("a profile names each kernel and adds up to the step, and changes no bit", "[profile]") {
  test::TemporaryFolder folder;
  test::write_text(folder / "two.nn", model);
  REQUIRE(test::run_command({NNC_BINARY, folder / "two.nn", "-o", folder / "two"}, folder).code == 0);
  const auto plain = test::run_command({folder / "two", "--quiet", "--save", folder / "plain"}, folder);
  REQUIRE(plain.code == 0);
  for (const char *threads : {"1", "3"}) {
    const auto outcome = test::run_command(
        {folder / "two", "--profile", "--threads", threads, "--log", folder / "log", "--save", folder / "counted"}, folder);
    INFO(outcome.out << outcome.error);
    REQUIRE(outcome.code == 0);
    CHECK(test::read_text(folder / "plain") == test::read_text(folder / "counted"));
    CHECK_THAT(outcome.out, Contains("between kernels") && Contains("the whole step") && Contains("two.nn:8:38 -> a.weight"));

    const nlohmann::json event = profile_event(folder / "log");
    CHECK(event.at("steps") == 399); // all but the first
    CHECK(event.at("operations_per_second").get<double>() > 1e8);
    CHECK(event.at("bytes_per_second").get<double>() > 1e8);
    double seconds = event.at("elsewhere_seconds");
    for (const auto &kernel : event.at("kernels")) {
      CHECK(kernel.at("seconds").get<double>() > 0);
      CHECK(kernel.at("bytes").get<double>() > 0);
      seconds += kernel.at("seconds").get<double>();
    }
    CHECK(seconds == Approx(event.at("step_seconds").get<double>()));
  }
  // `nnc run` the same, with one step, which is then the one that counts.
  const auto run = test::run_command({NNC_BINARY, "run", folder / "two.nn", "--", "--profile", "--steps", "1"}, folder);
  CHECK_THAT(run.out, Contains("profile of 1 steps, "));
}
