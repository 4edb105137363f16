#include "kernels/cases.h"

#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <sstream>

namespace nnc::bench {
namespace {

using Size = std::vector<int64_t>;

struct Family {
  const char *name;
  const char *sizes_of;  // names of the sizes, one letter each
  const char *arguments; // "w: 4H I, step": their shapes in these letters, 4H being four times H; `step` is a number
  const char *helpers;   // functions that the body calls
  const char *body;      // of `fn run(arguments)`, with its `=` or braces
  std::function<double(const Size &)> operations, bytes;
  std::vector<Size> sizes;
};

double elements(const Size &size) {
  double count = 1;
  for (int64_t extent : size) count *= double(extent);
  return count;
}

double nothing(const Size &) { return 0; }

std::function<double(const Size &)> each(double factor) {
  return [factor](const Size &size) { return factor * elements(size); };
}

/// [n, e, e, c] by [3, 3, c, o].
double convolution_operations(const Size &s) { return 2.0 * 9 * double(s[0] * s[1] * s[1] * s[2] * s[3]); }

/// Two products of a triangle of the scores.
double attention_operations(const Size &s) { return 2.0 * double(s[0] * s[2] * s[3]) * double(s[1]) * double(s[1] + 1); }

double lstm_operations(const Size &s) { return 2.0 * double(s[0] * s[1] * 4 * s[3]) * double(s[2] + s[3]); }

std::function<double(const Size &)> times(double factor, double (*count)(const Size &)) {
  return [=](const Size &size) { return factor * count(size); };
}

const char *const convolution = R"(fn conv(x: real[b, h, w, i], weight: real[3, 3, i, j]) {
  wide = pad(x, 0, 0, 1, 1, 1, 1, 0, 0)
  y[b, h, w, j] = sum[p, q, i] wide[b, h + p, w + q, i] * weight[p, q, i, j]
  y
}
fn cost(x: real[b, h, w, i], weight: real[3, 3, i, j], dy: real[b, h, w, j]) {
  y = conv(x, weight)
  sum[b, h, w, j] dy[b, h, w, j] * y[b, h, w, j]
}
)";

const char *const attention = R"(fn attend(q: real[t, g, d], k: real[t, g, d], v: real[t, g, d]) {
  score[g, i, j] = where(j <= i, sum[c] q[i, g, c] * k[j, g, c] / sqrt(d), -inf)
  weight = softmax(score)
  mixed[i, g, c] = sum[j] weight[g, i, j] * v[j, g, c]
  mixed
}
)";

const char *const lstm = R"(fn lstm(xs: real[t, n], w: real[r, n], u: real[r, m], b: real[r]) {
  h = zeros(m)
  c = zeros(m)
  for x in xs {
    a, f, g, o = split(w @ x + u @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(a) * tanh(g)
    h = sigmoid(o) * tanh(c)
    yield h
  }
}
)";

const char *const norm = R"(fn norm(x: real[c], weight: real[c], bias: real[c]) {
  centred = x - mean(x)
  centred * rsqrt(mean(centred^2) + 1e-5) * weight + bias
}
)";

const std::vector<Size> squares = {{64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}};
const std::vector<Size> images = {{64, 32, 32, 32}, {64, 16, 64, 64}, {64, 8, 128, 128}};
const std::vector<Size> rows = {{65536, 128}, {16384, 1024}};
const std::vector<Size> heads = {{16, 128, 4, 32}, {2, 1024, 8, 64}};
const std::vector<Size> vectors = {{4096}, {1 << 24}}; // in the first cache and in memory
const std::vector<Size> sequences = {{32, 64, 128, 256}};

std::vector<Size> squares_and(std::vector<Size> more) {
  more.insert(more.begin(), squares.begin(), squares.end());
  return more;
}

/// The products' sizes beside the squares are those of mlp, gpt and lstm: layers forward (nt), their inputs' gradients (nn) and their weights' (tn).
std::vector<Family> families() {
  return {
      {"gemm_nn", "MNK", "a: M K, b: K N", "", "= a @ b", each(2), nothing,
       squares_and({{128, 512, 512}, {2048, 128, 128}, {2048, 512, 128}, {2048, 128, 512}, {2048, 128, 1024}, {32, 256, 1024}})},
      {"gemm_nt", "MNK", "a: M K, b: N K", "", "= a @ b'", each(2), nothing,
       squares_and({{128, 512, 784},
                    {128, 512, 512},
                    {2048, 128, 128},
                    {2048, 512, 128},
                    {2048, 128, 512},
                    {2048, 1024, 128},
                    {32, 1024, 256}})},
      {"gemm_tn", "MNK", "a: K M, b: K N", "", "= a' @ b", each(2), nothing,
       squares_and({{512, 784, 128}, {512, 512, 128}, {128, 128, 2048}, {512, 128, 2048}, {128, 512, 2048}, {1024, 256, 2048}})},
      {"conv_forward", "BECO", "x: B E E C, weight: 3 3 C O", convolution, "= conv(x, weight)", convolution_operations, nothing,
       images},
      {"conv_data", "BECO", "x: B E E C, weight: 3 3 C O, dy: B E E O", convolution, "= grad(cost(x, weight, dy), x)",
       convolution_operations, nothing, images},
      {"conv_weights", "BECO", "x: B E E C, weight: 3 3 C O, dy: B E E O", convolution, "= grad(cost(x, weight, dy), weight)",
       convolution_operations, nothing, images},
      {"softmax", "RC", "x: R C", "", "= softmax(x)", nothing, each(8), rows},
      {"softmax_backward", "RC", "x: R C, dy: R C", "", "= grad(sum[i, j] dy[i, j] * softmax(x)[i, j], x)", nothing, each(12),
       rows},
      {"layer_norm", "RC", "x: R C, weight: C, bias: C", norm, "= norm(x, weight, bias)", nothing, each(8), rows},
      {"layer_norm_backward", "RC", "x: R C, weight: C, bias: C, dy: R C", norm, R"({
  cost = sum[i, j] dy[i, j] * norm(x, weight, bias)[i, j]
  [grad(cost, x), grad(cost, weight), grad(cost, bias)]
})",
       nothing, each(12), rows},
      {"adam",
       "N",
       "p: N, g: N, m: N, v: N, step",
       "",
       R"({
  m = 0.9 * m + 0.1 * g
  v = 0.999 * v + 0.001 * g * g
  [p - 0.001 / (1 - 0.9^step) * m / (sqrt(v) / sqrt(1 - 0.999^step) + 1e-8), m, v]
})",
       nothing,
       each(28),
       {{669706}, {1 << 24}}},
      {"attention", "BTGD", "q: B T G D, k: B T G D, v: B T G D", attention, "= attend(q, k, v)", attention_operations, nothing,
       heads},
      {"attention_backward", "BTGD", "q: B T G D, k: B T G D, v: B T G D, dy: B T G D", attention, R"({
  cost = sum[b, i, g, d] dy[b, i, g, d] * attend(q, k, v)[b, i, g, d]
  [grad(cost, q), grad(cost, k), grad(cost, v)]
})",
       times(3, attention_operations), nothing, heads},
      {"lstm", "BTIH", "xs: B T I, w: 4H I, u: 4H H, b: 4H", lstm, "= lstm(xs, w, u, b)", lstm_operations, nothing, sequences},
      {"lstm_backward", "BTIH", "xs: B T I, w: 4H I, u: 4H H, b: 4H, dy: B T H", lstm, R"({
  cost = sum[e, s, j] dy[e, s, j] * lstm(xs, w, u, b)[e, s, j]
  [grad(cost, xs), grad(cost, w), grad(cost, u), grad(cost, b)]
})",
       times(3, lstm_operations), nothing, sequences},
      {"exp", "N", "x: N", "", "= exp(x)", nothing, each(8), vectors},
      {"log", "N", "x: N", "", "= log(x)", nothing, each(8), vectors},
      {"tanh", "N", "x: N", "", "= tanh(x)", nothing, each(8), vectors},
      {"erf", "N", "x: N", "", "= erf(x)", nothing, each(8), vectors},
      {"entry", "N", "x: N", "", "= x + 1", nothing, nothing, {{1}}},
  };
}

/// "4H" of the sizes that the letters stand for.
int64_t extent(const std::string &text, const std::string &letters, const Size &size) {
  const bool letter = letters.find(text.back()) != std::string::npos;
  const std::string factor = text.substr(0, text.size() - letter);
  return (factor.empty() ? 1 : std::stoll(factor)) * (letter ? size.at(letters.find(text.back())) : 1);
}

std::vector<std::string> parts(const std::string &text, char separator) {
  std::vector<std::string> found;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);)
    if (!part.empty()) found.push_back(part.substr(part.find_first_not_of(' ')));
  return found;
}

Case make_case(const Family &family, const Size &size) {
  Case made;
  made.name = fmt::format("{}/{}", family.name, fmt::join(size, "x"));
  std::vector<std::string> names;
  for (const std::string &argument : parts(family.arguments, ',')) {
    const std::vector<std::string> halves = parts(argument, ':');
    names.push_back(halves[0]);
    made.arguments.push_back({halves[0], {}});
    if (halves.size() == 1) {
      names.back() += ": real";
      continue;
    }
    for (const std::string &text : parts(halves[1], ' '))
      made.arguments.back().shape.push_back(extent(text, family.sizes_of, size));
    names.back() += fmt::format(": real[{}]", fmt::join(made.arguments.back().shape, ", "));
  }
  made.text = fmt::format("{}fn run({}) {}\n", family.helpers, fmt::join(names, ", "), family.body);
  made.operations = family.operations(size);
  made.bytes = family.bytes(size);
  return made;
}

} // namespace

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Family &family : families())
    for (const Size &size : family.sizes) all.push_back(make_case(family, size));
  return all;
}

} // namespace nnc::bench
