// Initial parameters: what PyTorch's modules and torch.nn.init draw, by the Kolmogorov-Smirnov distance from the distribution.

#include "tests/command.h"
#include "tests/tensors.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>

using namespace nnc;

namespace {

const char *const program = R"(
model Net {
  dense  = Dense(50, 40)
  conv   = Conv2d(8, 12, 3, groups = 4)
  table  = Embedding(30, 20)
  layer  = LayerNorm(5)
  root   = RMSNorm(5)
  batch1 = BatchNorm(5)
  batch2 = BatchNorm2d(5)
  rnn    = RNN(7, 16)
  gru    = GRU(7, 16)
  lstm   = LSTM(7, 16)
  attend = Attention(24, 3)
  block  = TransformerBlock(16, 2, hidden = 36)
  param glorot_matrix: real[40, 60] ~ glorot
  param glorot_kernel: real[16, 8, 3, 3] ~ glorot
  param he_matrix: real[40, 60] ~ he
  param he_kernel: real[16, 8, 3, 3] ~ he
  param lecun_matrix: real[40, 60] ~ lecun
  param narrow: real[40, 60] ~ normal(0.02)
  param between: real[40, 60] ~ uniform(-0.2, 0.7)
  param same: real[3] ~ constant(0.5)
  param wide: real[5, 12] ~ orthogonal
  param tall: real[12, 5] ~ orthogonal
  param scale: real = 2
  fn (x: real) -> real = scale * x
}
data one { x: real = [1] }
train {
  net      = Net()
  data     one
  minimize net(x)
  using    sgd(rate = 0)
  steps    1
}
)";

struct Uniform {
  double low, high;
  double below(double x) const { return std::clamp((x - low) / (high - low), 0.0, 1.0); }
};
struct Normal {
  double std;
  double below(double x) const { return 0.5 * std::erfc(-x / (std * std::sqrt(2.0))); }
};

/// The largest difference of the values' distribution from the one expected, in units of what chance makes of it.
template <class Distribution> double distance(std::vector<double> values, const Distribution &expected) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double largest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double at = expected.below(values[i]);
    largest = std::max({largest, at - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - at});
  }
  return largest * std::sqrt(n);
}

/// The largest difference of the rows' products with each other from the identity's elements.
double from_orthonormal(const std::vector<double> &values, size_t count, size_t length, size_t row, size_t element) {
  double worst = 0;
  for (size_t a = 0; a < count; ++a)
    for (size_t b = 0; b < count; ++b) {
      double product = 0;
      for (size_t k = 0; k < length; ++k) product += values[a * row + k * element] * values[b * row + k * element];
      worst = std::max(worst, std::abs(product - (a == b)));
    }
  return worst;
}

} // namespace

TEST_CASE("initial parameters are distributed as PyTorch's") {
  const test::TemporaryFolder folder;
  test::write_text(folder / "net.nn", program);
  const auto outcome = test::run_command({NNC_BINARY, "run", "--cpu", test::test_cpu(), folder / "net.nn", "--", "--quiet",
                                          "--seed", "5", "--save", folder / "net.safetensors"},
                                         folder);
  INFO(outcome.out << outcome.error);
  REQUIRE(outcome.code == 0);
  std::map<std::string, std::vector<double>> values;
  for (const runtime::NamedTensor &tensor : runtime::read_safetensors(folder / "net.safetensors"))
    values[tensor.name] = test::values_of(tensor);

  const auto around_zero = [](double squared) { return Uniform{-std::sqrt(squared), std::sqrt(squared)}; };
  std::map<std::string, Uniform> uniform = {
      {"dense.weight", around_zero(1.0 / 50)},
      {"dense.bias", around_zero(1.0 / 50)},
      {"conv.weight", around_zero(1.0 / (2 * 9))},
      {"conv.bias", around_zero(1.0 / (2 * 9))},
      {"attend.in_proj_weight", around_zero(6.0 / (24 + 3 * 24))},
      {"attend.out_proj.weight", around_zero(1.0 / 24)},
      {"block.self_attn.in_proj_weight", around_zero(6.0 / (16 + 3 * 16))},
      {"block.self_attn.out_proj.weight", around_zero(1.0 / 16)},
      {"block.linear1.weight", around_zero(1.0 / 16)},
      {"block.linear1.bias", around_zero(1.0 / 16)},
      {"block.linear2.weight", around_zero(1.0 / 36)},
      {"block.linear2.bias", around_zero(1.0 / 36)},
      {"glorot_matrix", around_zero(6.0 / (40 + 60))},
      {"glorot_kernel", around_zero(6.0 / (16 * 9 + 8 * 9))},
      {"between", {-0.2, 0.7}},
  };
  for (const std::string cells : {"rnn", "gru", "lstm"})
    for (const std::string part : {".weight_ih", ".weight_hh", ".bias_ih", ".bias_hh"})
      uniform[cells + part] = around_zero(1.0 / 16);
  const std::map<std::string, Normal> normal = {
      {"table.weight", {1}},
      {"he_matrix", {std::sqrt(2.0 / 60)}},
      {"he_kernel", {std::sqrt(2.0 / (8 * 9))}},
      {"lecun_matrix", {std::sqrt(1.0 / 60)}},
      {"narrow", {0.02}},
  };
  const std::map<std::string, double> constant = {
      {"layer.weight", 1},
      {"layer.bias", 0},
      {"root.weight", 1},
      {"batch1.weight", 1},
      {"batch1.bias", 0},
      {"batch1.running_mean", 0},
      {"batch1.running_var", 1},
      {"batch2.weight", 1},
      {"batch2.bias", 0},
      {"batch2.running_mean", 0},
      {"batch2.running_var", 1},
      {"attend.in_proj_bias", 0},
      {"attend.out_proj.bias", 0},
      {"block.self_attn.in_proj_bias", 0},
      {"block.self_attn.out_proj.bias", 0},
      {"block.norm1.weight", 1},
      {"block.norm1.bias", 0},
      {"block.norm2.weight", 1},
      {"block.norm2.bias", 0},
      {"same", 0.5},
      {"scale", 2},
  };
  // Chance exceeds 2.23 once in 10000 times (Kolmogorov 1933: 2·e^(-2·d²)); the seed is fixed.
  for (const auto &[name, expected] : uniform) {
    INFO(name);
    REQUIRE(values.contains(name));
    for (double value : values[name]) CHECK((value >= expected.low - 1e-7 && value <= expected.high + 1e-7));
    CHECK(distance(values[name], expected) < 2.23);
  }
  for (const auto &[name, expected] : normal) {
    INFO(name);
    REQUIRE(values.contains(name));
    CHECK(distance(values[name], expected) < 2.23);
  }
  for (const auto &[name, expected] : constant) {
    INFO(name);
    REQUIRE(values.contains(name));
    for (double value : values[name]) CHECK(value == expected);
  }
  CHECK(from_orthonormal(values["wide"], 5, 12, 12, 1) < 1e-5);
  CHECK(from_orthonormal(values["tall"], 5, 12, 1, 5) < 1e-5);
  CHECK(values.size() == uniform.size() + normal.size() + constant.size() + 2);
}
