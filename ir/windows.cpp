// The static affine gather and its adjoint, the sum of what it spreads.

#include "ir/affine.h"
#include "ir/family.h"

#include <algorithm>

namespace nnc::ir {

Interval interval(const Shape &dims, std::span<const int64_t> coefficients) {
  Interval result;
  for (size_t j = 0; j < dims.size(); ++j) {
    if (coefficients[j] == 0) continue;
    int64_t end = (dims[j].count - 1) * coefficients[j];
    (end < 0 ? result.low : result.high) += end;
  }
  return result;
}

namespace {

/// Coefficients and constants below this cannot overflow 64 bits times an extent of memory.
constexpr int64_t limit = int64_t{1} << 31;

const WindowAttributes &attributes_of(const Node &node) { return std::get<WindowAttributes>(node.attributes); }

std::span<const int64_t> row(const WindowAttributes &w, size_t axis, size_t rank) {
  return std::span(w.coefficient).subspan(axis * rank, rank);
}

/// What is wrong with a window of `whole` that has the shape `part`, or "". An axis of c·B is an axis of c·B of the window, as it is.
std::string fault(const WindowAttributes &w, const Type &whole, const Type &part) {
  const size_t axes = whole.dims.size(), rank = part.dims.size();
  std::string between = fmt::format("of {} as {}", to_string(whole), to_string(part));
  if (whole.elem != part.elem || w.constant.size() != axes || w.coefficient.size() != axes * rank) return between;
  for (size_t k = 0; k < axes; ++k) {
    const auto coefficients = row(w, k, rank);
    bool small = w.constant[k] > -limit && w.constant[k] < limit;
    int64_t batch = -1, terms = 0;
    for (size_t j = 0; j < rank; ++j) {
      small = small && coefficients[j] > -limit && coefficients[j] < limit;
      terms += coefficients[j] != 0;
      if (coefficients[j] != 0 && part.dims[j].batch) batch = static_cast<int64_t>(j);
    }
    if (!small) return fmt::format("axis {} {}: numbers too large", k, between);
    if (whole.dims[k].batch || batch >= 0) {
      if (batch < 0 || terms != 1 || coefficients[batch] != 1 || w.constant[k] != 0 || whole.dims[k] != part.dims[batch])
        return fmt::format("axis {} {}: an axis of examples must stay whole", k, between);
      continue;
    }
    Interval range = interval(part.dims, coefficients);
    if (w.constant[k] + range.low < 0 || w.constant[k] + range.high >= whole.dims[k].count)
      return fmt::format("axis {} {}: {} to {} is outside", k, between, w.constant[k] + range.low, w.constant[k] + range.high);
  }
  return "";
}

/// Calls f(position in the whole, position in the part) for every element of the part, in row-major order.
template <typename F> void for_each_windowed(const WindowAttributes &w, const Array &whole, const Array &part, F &&f) {
  std::vector<int64_t> at(whole.dims.size());
  for_each_index(part.dims, [&](const auto &index, int64_t position) {
    at = w.constant;
    for (size_t k = 0; k < at.size(); ++k)
      for (size_t j = 0; j < index.size(); ++j) at[k] += w.coefficient[k * index.size() + j] * index[j];
    f(linear(whole.dims, at), position);
  });
}

/// With a new axis in front on both sides.
WindowAttributes with_axis(const WindowAttributes &w, size_t rank) {
  WindowAttributes result;
  result.constant = w.constant;
  result.constant.insert(result.constant.begin(), 0);
  result.coefficient.assign(rank + 1, 0);
  result.coefficient[0] = 1;
  for (size_t k = 0; k < w.constant.size(); ++k) {
    result.coefficient.push_back(0);
    const auto coefficients = row(w, k, rank);
    result.coefficient.insert(result.coefficient.end(), coefficients.begin(), coefficients.end());
  }
  return result;
}

// window: result[i…] = x[constant + Σ coefficient·i…].

Type window_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  error = fault(std::get<WindowAttributes>(attributes), *types[0], *types[1]);
  return *types[1];
}

std::vector<NodeId> window_adjoint(const AdjointContext &c) {
  return {c.builder.window_add(c.gradient, c.attributes<WindowAttributes>(), c.type(0).dims)};
}

Batched window_batch(const BatchContext &c) {
  return c.builder.window(c.operands[0], with_axis(attributes_of(c.node), c.type.dims.size()), behind(c.size, c.type.dims));
}

Array evaluate_window(const EvaluateContext &c) {
  Array result = zeros(c);
  for_each_windowed(attributes_of(c.node), *c.operands[0], result,
                    [&](int64_t from, int64_t to) { result.values[to] = c.operands[0]->values[from]; });
  return result;
}

std::optional<IndexMap> window_map(const Node &node, const Type &) {
  return index_map(attributes_of(node), node.type.dims.size());
}

std::vector<Sample> window_samples() {
  return {sample({real({7})}, WindowAttributes{{0}, {2, 1}}, real({3, 3})),
          sample({real({2, 6})}, WindowAttributes{{0, 5}, {1, 0, 0, 0, -2, 1}}, real({2, 3, 1})),
          sample({real({0, 5})}, WindowAttributes{{0, 1}, {0, 1, 0, 1, 0, -1}}, real({3, 0, 2})),
          sample({real({3, 4})}, WindowAttributes{{0, 0}, {1, 0, 1, 1}}, real({3, 2}))};
}

// window_add: x[i…] is added to result[constant + Σ coefficient·i…].

Type window_add_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  error = fault(std::get<WindowAttributes>(attributes), *types[1], *types[0]);
  if (error.empty() && !is_float(types[0]->elem)) return fail(error, "needs f32 or f64, got {}", to_string(*types[0]));
  return *types[1];
}

std::vector<NodeId> window_add_adjoint(const AdjointContext &c) {
  return {c.builder.window(c.gradient, c.attributes<WindowAttributes>(), c.type(0).dims)};
}

Batched window_add_batch(const BatchContext &c) {
  return c.builder.window_add(c.operands[0], with_axis(attributes_of(c.node), c.builder.type(c.operands[0]).dims.size() - 1),
                              behind(c.size, c.type.dims));
}

Array evaluate_window_add(const EvaluateContext &c) {
  Array result = zeros(c);
  for_each_windowed(attributes_of(c.node), result, *c.operands[0],
                    [&](int64_t to, int64_t from) { result.values[to] += c.operands[0]->values[from]; });
  for (double &value : result.values) value = round_to(result.elem, value);
  return result;
}

std::vector<Sample> window_add_samples() {
  return {sample({real({3, 3})}, WindowAttributes{{0}, {2, 1}}, real({7})),
          sample({real({2, 3, 1})}, WindowAttributes{{0, 5}, {1, 0, 0, 0, -2, 1}}, real({2, 7})),
          sample({real({3, 0, 2})}, WindowAttributes{{0, 1}, {0, 1, 0, 1, 0, -1}}, real({0, 5})),
          sample({real({3, 2})}, WindowAttributes{{0, 0}, {1, 0, 1, 1}}, real({3, 4})),
          sample({real({2, 2, 4})}, WindowAttributes{{1}, {0, 3, 2}}, real({12}))};
}

} // namespace

constinit const OpRecord records::window = {
    .name = "window",
    .doc = "operand axis k at constant[k] + Σ coefficient·result axis",
    .operands = 1,
    .blank = any<WindowAttributes>,
    .shape = window_shape,
    .declared_type = true,
    .adjoint = window_adjoint,
    .batch = window_batch,
    .evaluate = evaluate_window,
    .kernel = View{window_map},
    .commutative = false,
    .samples = window_samples,
};

constinit const OpRecord records::window_add = {
    .name = "window_add",
    .doc = "zeros with each element added at constant[k] + Σ coefficient·operand axis on result axis k",
    .operands = 1,
    .blank = any<WindowAttributes>,
    .shape = window_add_shape,
    .declared_type = true,
    .adjoint = window_add_adjoint,
    .batch = window_add_batch,
    .evaluate = evaluate_window_add,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = window_add_samples,
};

} // namespace nnc::ir
