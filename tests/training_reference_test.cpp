// The training blocks of reference/training/*.nn against what torch.optim made of PyTorch's own modules, stored beside them by
// reference/training/make.py.

#include "tests/command.h"
#include "tests/tensors.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <regex>

using namespace nnc;
using runtime::NamedTensor;

namespace {

const std::filesystem::path folder = std::filesystem::path(NNC_SOURCE_DIR) / "tests" / "reference" / "training";

/// The largest difference of two tensors relative to the largest element; infinite where they are not of one shape.
double relative_difference(const NamedTensor &tensor, const NamedTensor &expected) {
  if (tensor.shape != expected.shape) return INFINITY;
  const std::vector<double> ours = test::values_of(tensor), theirs = test::values_of(expected);
  double largest = 0, difference = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i]));
    const double apart = std::abs(ours[i] - theirs[i]);
    difference = std::isfinite(apart) ? std::max(difference, apart) : INFINITY;
  }
  return difference / largest;
}

void check_block(const std::string &program, const std::string &block, const std::string &real, double bound) {
  INFO(program << "." << block << " in " << real);
  std::filesystem::path start = folder / (program + "." + block + ".start.safetensors");
  if (!exists(start)) start = folder / (program + ".start.safetensors");
  test::TemporaryFolder made;
  const std::string end = made / "end.safetensors";
  const auto outcome =
      test::run_command({NNC_BINARY, "run", "--cpu", test::test_cpu(), (folder / (program + ".nn")).string(), "--train", block,
                         "--real=" + real, "--", "--quiet", "--load", start.string(), "--save", end},
                        made);
  INFO(outcome.out << outcome.error);
  REQUIRE(outcome.code == 0);
  const std::vector<NamedTensor> expected =
                                     runtime::read_safetensors((folder / (program + "." + block + ".end.safetensors")).string()),
                                 written = runtime::read_safetensors(end);
  CHECK(written.size() == expected.size());
  for (const NamedTensor &tensor : expected) {
    INFO(tensor.name);
    const auto place = std::find_if(written.begin(), written.end(), [&](const NamedTensor &w) { return w.name == tensor.name; });
    REQUIRE(place != written.end());
    CHECK(relative_difference(*place, tensor) <= bound);
  }
}

/// Every `train` block of the program, in both precisions.
void check_program(const std::string &program) {
  const std::string text = test::read_text((folder / (program + ".nn")).string());
  const std::regex opening("\ntrain (\\w+) \\{");
  int blocks = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), opening), end; match != end; ++match, ++blocks) {
    check_block(program, (*match)[1], "f64", 1e-10);
    check_block(program, (*match)[1], "f32", 1e-5);
  }
  CHECK(blocks > 5);
}

} // namespace

TEST_CASE("ten steps of every optimizer, schedule and clause agree with torch.optim", "[reference]") {
  check_program("optimizers");
}

TEST_CASE("ten steps of every layer agree with PyTorch's modules", "[reference]") { check_program("layers"); }
