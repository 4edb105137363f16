// Operations that move elements and compute nothing.

#include "ir/family.h"

#include <algorithm>

namespace nnc::ir {

namespace {

const std::vector<int64_t> &axes_of(const Attributes &attributes) { return std::get<AxesAttributes>(attributes).axes; }

bool is_permutation(std::vector<int64_t> axes, int rank) {
  std::sort(axes.begin(), axes.end());
  return axes == all_axes(rank);
}

IndexMap::Axis term(int64_t result_axis, int64_t coefficient = 1, int64_t constant = 0) {
  return {constant, {{static_cast<int>(result_axis), coefficient}}};
}

/// result[index] = operand[source(index)].
template <typename F> Array move_elements(const EvaluateContext &c, F &&source) {
  Array result = zeros(c);
  const Array &from = *c.operands[0];
  std::vector<int64_t> at(from.dims.size());
  for_each_index(result.dims, [&](const auto &index, int64_t position) {
    source(index, at);
    result.values[position] = from.values[linear(from.dims, at)];
  });
  return result;
}

// broadcast: result[i…] = x[i_axes[0], i_axes[1], …].

Type broadcast_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const Type &from = *types[0], &to = *types[1];
  const auto &axes = axes_of(attributes);
  if (from.elem != to.elem || axes.size() != from.dims.size() || !ascending(axes, to.rank()))
    return fail(error, "from {} to {} at [{}]", to_string(from), to_string(to), fmt::join(axes, ","));
  for (size_t k = 0; k < axes.size(); ++k)
    if (from.dims[k] != to.dims[axes[k]])
      return fail(error, "axis {} of {} is not axis {} of {}", k, to_string(from), axes[k], to_string(to));
  return to;
}

std::vector<NodeId> broadcast_adjoint(const AdjointContext &c) {
  int rank = c.builder.type(c.node).rank();
  return {c.builder.reduce(ReduceKind::add, c.gradient, other_axes(c.attributes<AxesAttributes>().axes, rank))};
}

Batched broadcast_batch(const BatchContext &c) {
  std::vector<int64_t> axes = shifted(axes_of(c.node.attributes));
  axes.insert(axes.begin(), 0);
  return c.builder.broadcast(c.operands[0], behind(c.size, c.type.dims), axes);
}

Array evaluate_broadcast(const EvaluateContext &c) {
  const auto &axes = axes_of(c.node.attributes);
  return move_elements(c, [&](const auto &index, auto &at) {
    for (size_t k = 0; k < axes.size(); ++k) at[k] = index[axes[k]];
  });
}

std::optional<IndexMap> broadcast_map(const Node &node, const Type &) {
  IndexMap map;
  for (int64_t axis : axes_of(node.attributes)) map.axes.push_back(term(axis));
  return map;
}

std::vector<Sample> broadcast_samples() {
  return {sample({real({3})}, AxesAttributes{{1}}, real({2, 3, 4})), sample({real({0})}, AxesAttributes{{0}}, real({0, 2})),
          sample({real({})}, AxesAttributes{}, real({2, 2})), sample({real({2, 3})}, AxesAttributes{{0, 2}}, real({2, 4, 3}))};
}

// reshape: the same elements in row-major order.

Type reshape_shape(std::span<const Type *const> types, const Attributes &, std::string &error) {
  Count from, to;
  if (types[0]->elem != types[1]->elem || !product(types[0]->dims, from) || !product(types[1]->dims, to) || from != to)
    return fail(error, "from {} to {}", to_string(*types[0]), to_string(*types[1]));
  return *types[1];
}

std::vector<NodeId> reshape_adjoint(const AdjointContext &c) { return {c.builder.reshape(c.gradient, c.type(0).dims)}; }

Batched reshape_batch(const BatchContext &c) { return c.builder.reshape(c.operands[0], behind(c.size, c.type.dims)); }

Array evaluate_reshape(const EvaluateContext &c) {
  Array result = zeros(c);
  result.values = c.operands[0]->values;
  return result;
}

Count times(Count a, const Extent &b) { return {a.count * b.count, a.power + b.batch}; }

/// The operand's axis made of result axes [first, end), row-major; false where a stride depends on B.
bool split_axis(const Shape &result, int first, int end, IndexMap::Axis &axis) {
  Count stride;
  for (int i = end; i-- > first;) {
    if (result[i] == Extent{}) continue;
    if (stride.power != 0) return false;
    axis.terms.insert(axis.terms.begin(), {i, stride.count});
    stride = times(stride, result[i]);
  }
  return true;
}

/// Runs of operand axes and of result axes with equal products are found from the back; a run with one operand axis is affine.
std::optional<IndexMap> reshape_map(const Node &node, const Type &operand) {
  const Shape &from = operand.dims, &to = node.type.dims;
  IndexMap map;
  map.axes.resize(from.size());
  int i = static_cast<int>(from.size()), j = static_cast<int>(to.size());
  while (i > 0) {
    int j_end = j;
    Count a = times({}, from[--i]), b;
    int wide = i, wide_count = from[i] != Extent{};
    while (a != b) {
      bool take_result = j > 0 && (i == 0 || a.power > b.power || (a.power == b.power && a.count > b.count));
      if (take_result) {
        b = times(b, to[--j]);
      } else {
        if (i == 0) return std::nullopt;
        a = times(a, from[--i]);
        if (from[i] != Extent{}) wide = i, ++wide_count;
      }
    }
    if (wide_count > 1) return std::nullopt;
    if (wide_count == 1 && !split_axis(to, j, j_end, map.axes[wide])) return std::nullopt;
  }
  return map;
}

std::vector<Sample> reshape_samples() {
  return {sample({real({2, 6})}, NoAttributes{}, real({2, 2, 1, 3})), sample({real({2, 3})}, NoAttributes{}, real({6})),
          sample({real({0, 6})}, NoAttributes{}, real({0, 3, 2})), sample({real({1, 3, 1})}, NoAttributes{}, real({3})),
          sample({real({4, 3})}, NoAttributes{}, real({3, 4}))};
}

// transpose: result[i…] with i_k along the operand's axis permutation[k].

Type transpose_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &permutation = axes_of(attributes);
  if (!is_permutation(permutation, types[0]->rank()))
    return fail(error, "[{}] is no order of the axes of {}", fmt::join(permutation, ","), to_string(*types[0]));
  Type result{types[0]->elem, {}};
  for (int64_t axis : permutation) result.dims.push_back(types[0]->dims[axis]);
  return result;
}

std::vector<NodeId> transpose_adjoint(const AdjointContext &c) {
  return {c.builder.transpose(c.gradient, inverse(c.attributes<AxesAttributes>().axes))};
}

Batched transpose_batch(const BatchContext &c) {
  std::vector<int64_t> permutation = shifted(axes_of(c.node.attributes));
  permutation.insert(permutation.begin(), 0);
  return c.builder.transpose(c.operands[0], permutation);
}

Array evaluate_transpose(const EvaluateContext &c) {
  const auto &permutation = axes_of(c.node.attributes);
  return move_elements(c, [&](const auto &index, auto &at) {
    for (size_t k = 0; k < permutation.size(); ++k) at[permutation[k]] = index[k];
  });
}

std::optional<IndexMap> transpose_map(const Node &node, const Type &) {
  IndexMap map;
  for (int64_t axis : inverse(axes_of(node.attributes))) map.axes.push_back(term(axis));
  return map;
}

std::vector<Sample> transpose_samples() {
  return {sample({real({2, 3, 4})}, AxesAttributes{{2, 0, 1}}), sample({real({0, 2})}, AxesAttributes{{1, 0}})};
}

// slice: result[i…] = x[start + stride·i…].

Type slice_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &s = std::get<SliceAttributes>(attributes);
  Type result = *types[0];
  if (s.start.size() != result.dims.size() || s.limit.size() != s.start.size() || s.stride.size() != s.start.size())
    return fail(error, "needs start, limit and stride for each axis of {}", to_string(result));
  for (size_t k = 0; k < s.start.size(); ++k) {
    Extent &extent = result.dims[k];
    bool good = extent.batch ? s.start[k] == 0 && s.limit[k] == 0 && s.stride[k] == 1
                             : s.start[k] >= 0 && s.start[k] < s.limit[k] && s.limit[k] <= extent.count && s.stride[k] >= 1;
    if (!good) return fail(error, "{}..{} by {} of axis {} of {}", s.start[k], s.limit[k], s.stride[k], k, to_string(*types[0]));
    if (!extent.batch) extent.count = (s.limit[k] - s.start[k] - 1) / s.stride[k] + 1;
  }
  return result;
}

std::vector<NodeId> slice_adjoint(const AdjointContext &c) {
  auto s = c.attributes<SliceAttributes>();
  Type from = c.type(0), to = c.builder.type(c.node);
  std::vector<int64_t> before, after, between;
  for (size_t k = 0; k < s.start.size(); ++k) {
    bool whole = from.dims[k].batch;
    int64_t last = s.start[k] + (to.dims[k].count - 1) * s.stride[k];
    before.push_back(s.start[k]);
    after.push_back(whole ? 0 : from.dims[k].count - 1 - last);
    between.push_back(s.stride[k] - 1);
  }
  return {c.builder.pad(c.gradient, before, after, between)};
}

Batched slice_batch(const BatchContext &c) {
  auto s = std::get<SliceAttributes>(c.node.attributes);
  s.start.insert(s.start.begin(), 0);
  s.limit.insert(s.limit.begin(), c.size.batch ? 0 : c.size.count);
  s.stride.insert(s.stride.begin(), 1);
  return c.builder.slice(c.operands[0], s.start, s.limit, s.stride);
}

Array evaluate_slice(const EvaluateContext &c) {
  const auto &s = std::get<SliceAttributes>(c.node.attributes);
  return move_elements(c, [&](const auto &index, auto &at) {
    for (size_t k = 0; k < at.size(); ++k) at[k] = s.start[k] + s.stride[k] * index[k];
  });
}

std::optional<IndexMap> slice_map(const Node &node, const Type &) {
  const auto &s = std::get<SliceAttributes>(node.attributes);
  IndexMap map;
  for (size_t k = 0; k < s.start.size(); ++k) map.axes.push_back(term(k, s.stride[k], s.start[k]));
  return map;
}

std::vector<Sample> slice_samples() {
  return {sample({real({7, 3})}, SliceAttributes{{1, 0}, {6, 2}, {2, 1}}),
          sample({real({0, 5})}, SliceAttributes{{0, 3}, {0, 5}, {1, 1}})};
}

// reverse: result[…i…] = x[…n-1-i…].

Type reverse_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  if (!ascending(axes_of(attributes), types[0]->rank()))
    return fail(error, "axes [{}] of {}", fmt::join(axes_of(attributes), ","), to_string(*types[0]));
  return *types[0];
}

std::vector<NodeId> reverse_adjoint(const AdjointContext &c) {
  return {c.builder.reverse(c.gradient, c.attributes<AxesAttributes>().axes)};
}

Batched reverse_batch(const BatchContext &c) { return c.builder.reverse(c.operands[0], shifted(axes_of(c.node.attributes))); }

Array evaluate_reverse(const EvaluateContext &c) {
  const auto &axes = axes_of(c.node.attributes);
  return move_elements(c, [&](const auto &index, auto &at) {
    at = index;
    for (int64_t axis : axes) at[axis] = c.operands[0]->dims[axis] - 1 - index[axis];
  });
}

std::optional<IndexMap> reverse_map(const Node &node, const Type &operand) {
  IndexMap map;
  for (int64_t axis = 0; axis < operand.rank(); ++axis) map.axes.push_back(term(axis));
  for (int64_t axis : axes_of(node.attributes)) {
    if (operand.dims[axis].batch) return std::nullopt; // B - 1 is not a constant
    map.axes[axis] = term(axis, -1, operand.dims[axis].count - 1);
  }
  return map;
}

std::vector<Sample> reverse_samples() {
  return {sample({real({2, 3, 4})}, AxesAttributes{{0, 2}}), sample({real({0, 3})}, AxesAttributes{{1}})};
}

} // namespace

constinit const OpRecord records::broadcast = {
    .name = "broadcast",
    .doc = "operand axis k becomes result axis axes[k]; the same along the others",
    .operands = 1,
    .blank = any<AxesAttributes>,
    .shape = broadcast_shape,
    .declared_type = true,
    .adjoint = broadcast_adjoint,
    .batch = broadcast_batch,
    .evaluate = evaluate_broadcast,
    .kernel = View{broadcast_map},
    .commutative = false,
    .samples = broadcast_samples,
};

constinit const OpRecord records::reshape = {
    .name = "reshape",
    .doc = "the same elements in row-major order under another shape",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = reshape_shape,
    .declared_type = true,
    .adjoint = reshape_adjoint,
    .batch = reshape_batch,
    .evaluate = evaluate_reshape,
    .kernel = View{reshape_map},
    .commutative = false,
    .samples = reshape_samples,
};

constinit const OpRecord records::transpose = {
    .name = "transpose",
    .doc = "result axis k is operand axis axes[k]",
    .operands = 1,
    .blank = any<AxesAttributes>,
    .shape = transpose_shape,
    .declared_type = false,
    .adjoint = transpose_adjoint,
    .batch = transpose_batch,
    .evaluate = evaluate_transpose,
    .kernel = View{transpose_map},
    .commutative = false,
    .samples = transpose_samples,
};

constinit const OpRecord records::slice = {
    .name = "slice",
    .doc = "x[start + stride·i] below limit, on each axis; an axis of c·B whole",
    .operands = 1,
    .blank = any<SliceAttributes>,
    .shape = slice_shape,
    .declared_type = false,
    .adjoint = slice_adjoint,
    .batch = slice_batch,
    .evaluate = evaluate_slice,
    .kernel = View{slice_map},
    .commutative = false,
    .samples = slice_samples,
};

constinit const OpRecord records::reverse = {
    .name = "reverse",
    .doc = "x[n-1-i] on each of the axes",
    .operands = 1,
    .blank = any<AxesAttributes>,
    .shape = reverse_shape,
    .declared_type = false,
    .adjoint = reverse_adjoint,
    .batch = reverse_batch,
    .evaluate = evaluate_reverse,
    .kernel = View{reverse_map},
    .commutative = false,
    .samples = reverse_samples,
};

} // namespace nnc::ir
