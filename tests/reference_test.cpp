// The functions of reference/*.nn, called by `nnc eval --grad`, against what other implementations made of them: results and
// gradients stored in reference/cases/FILE/CASE.{in,out}.safetensors by reference/make.py and reference/random_programs.py.

#include "tests/command.h"
#include "tests/tensors.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

using namespace nnc;
using runtime::Element;
using runtime::NamedTensor;
using test::values_of;
using test::widened;

namespace {

const std::filesystem::path reference = std::filesystem::path(NNC_SOURCE_DIR) / "tests" / "reference";

struct Case {
  std::string file, name; // FILE.nn; the function's name, and a suffix after a dot where it has several cases
  std::string function() const { return name.substr(0, name.find('.')); }
  std::string path(const std::string &side) const {
    return (reference / "cases" / file / (name + "." + side + ".safetensors")).string();
  }
};

std::vector<Case> all_cases() {
  const std::string ending = ".in.safetensors";
  std::vector<Case> cases;
  for (const auto &folder : std::filesystem::directory_iterator(reference / "cases"))
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (!name.ends_with(ending)) continue;
      cases.push_back({folder.path().filename().string(), name.substr(0, name.size() - ending.size())});
    }
  std::sort(cases.begin(), cases.end(),
            [](const Case &a, const Case &b) { return std::tie(a.file, a.name) < std::tie(b.file, b.name); });
  return cases;
}

/// Writes the inputs with every F64 tensor as F32; the values are numbers that f32 represents.
void write_narrowed(const std::vector<NamedTensor> &inputs, const std::string &path) {
  std::vector<runtime::TensorView> views;
  std::vector<std::vector<float>> narrowed(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const NamedTensor &input = inputs[i];
    if (input.dtype == Element::f64)
      for (double value : widened<double>(input)) narrowed[i].push_back(float(value));
    const bool real = input.dtype == Element::f64;
    views.push_back({input.name, real ? Element::f32 : input.dtype, input.shape,
                     real ? static_cast<const void *>(narrowed[i].data()) : input.bytes.data()});
  }
  runtime::write_safetensors(path, views);
}

/// The largest difference of a tensor from what is expected, relative to its largest element or 1; infinite where it is missing or of another type or shape.
double worst(const std::map<std::string, const NamedTensor *> &found, const NamedTensor &expected, Element real) {
  const auto place = found.find(expected.name);
  if (place == found.end()) return INFINITY;
  const NamedTensor &tensor = *place->second;
  if (tensor.dtype != (expected.dtype == Element::f64 ? real : expected.dtype) || tensor.shape != expected.shape) return INFINITY;
  const std::vector<double> ours = values_of(tensor), theirs = values_of(expected);
  double largest = 1, difference = 0;
  for (size_t i = 0; i < theirs.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i]));
    if (!(std::abs(ours[i] - theirs[i]) <= difference))
      difference = std::isfinite(ours[i]) ? std::abs(ours[i] - theirs[i]) : INFINITY;
  }
  return expected.dtype == Element::f64 ? difference / largest : difference;
}

void check_case(const Case &tried, Element real, double bound) {
  test::TemporaryFolder folder;
  std::string in = tried.path("in");
  if (real == Element::f32) {
    in = folder / "in.safetensors";
    write_narrowed(runtime::read_safetensors(tried.path("in")), in);
  }
  const std::string program = (reference / (tried.file + ".nn")).string(), out = folder / "out.safetensors";
  const auto outcome = test::run_command({NNC_BINARY, "eval", "--cpu", test::test_cpu(), program, tried.function(), "--in", in,
                                          "--out", out, "--grad", real == Element::f32 ? "--real=f32" : "--real=f64"},
                                         folder);
  INFO(tried.file << "." << tried.name << "\n" << outcome.out << outcome.error);
  CHECK(outcome.signal == 0);
  CHECK(outcome.code == 0);
  if (outcome.code != 0) return;

  const std::vector<NamedTensor> expected = runtime::read_safetensors(tried.path("out")),
                                 written = runtime::read_safetensors(out);
  std::map<std::string, const NamedTensor *> found;
  for (const NamedTensor &tensor : written) found[tensor.name] = &tensor;
  CHECK(found.size() == expected.size());
  for (const NamedTensor &tensor : expected) {
    INFO(tensor.name);
    CHECK(worst(found, tensor, real) <= bound);
  }
}

} // namespace

TEST_CASE("eval agrees with the reference in f64", "[reference]") {
  for (const Case &tried : all_cases()) check_case(tried, Element::f64, 1e-9);
}

TEST_CASE("eval agrees with the reference in f32", "[reference]") {
  for (const Case &tried : all_cases()) check_case(tried, Element::f32, 2e-5);
}

TEST_CASE("every file of the reference has cases", "[reference]") {
  const std::vector<Case> cases = all_cases();
  for (const auto &entry : std::filesystem::directory_iterator(reference)) {
    if (entry.path().extension() != ".nn") continue;
    const std::string file = entry.path().stem().string();
    CHECK(std::any_of(cases.begin(), cases.end(), [&](const Case &tried) { return tried.file == file; }));
  }
}
