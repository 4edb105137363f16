// Operations that take axes away.

#include "ir/family.h"

#include <cmath>
#include <limits>

namespace nnc::ir {

namespace {

const ReduceAttributes &attributes_of(const Node &node) { return std::get<ReduceAttributes>(node.attributes); }

Type without(const Type &type, const std::vector<int64_t> &axes) {
  Type result{type.elem, {}};
  for (int64_t axis : other_axes(axes, type.rank())) result.dims.push_back(type.dims[axis]);
  return result;
}

Type reduce_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &axes = std::get<ReduceAttributes>(attributes).axes;
  if (!(one(types[0]->elem) & numbers) || !ascending(axes, types[0]->rank()))
    return fail(error, "axes [{}] of {}", fmt::join(axes, ","), to_string(*types[0]));
  return without(*types[0], axes);
}

/// A tensor of shape `dims` less `axis`, spread along `axis`.
NodeId spread(Builder &b, NodeId x, const Shape &dims, int64_t axis) {
  return b.broadcast(x, dims, other_axes({axis}, static_cast<int>(dims.size())));
}

/// To the first of equals in row-major order of the axes: g where the index is argreduce(x), else 0.
NodeId extreme_adjoint(Builder &b, ReduceKind kind, NodeId x, const std::vector<int64_t> &axes, NodeId gradient) {
  const Shape dims = b.type(x).dims;
  const std::vector<int64_t> kept = other_axes(axes, static_cast<int>(dims.size()));
  NodeId chosen = b.broadcast(b.argreduce(kind, x, axes), dims, kept), g = b.broadcast(gradient, dims, kept);
  NodeId position = b.iota(dims, static_cast<int>(axes[0]));
  for (size_t k = 1; k < axes.size(); ++k) {
    NodeId extent = b.like(position, static_cast<double>(dims[axes[k]].count));
    position = b.add(b.mul(position, extent), b.iota(dims, static_cast<int>(axes[k])));
  }
  return b.select(b.binary(Op::equal, position, chosen), g, b.like(g, 0));
}

/// ∂(Π x)/∂x_i = Π_{j≠i} x_j, a product over j on [n, n] with 1 at i = j: right where elements are 0.
NodeId product_adjoint(Builder &b, NodeId x, int64_t axis, NodeId gradient) {
  const Shape dims = b.type(x).dims;
  Shape square = dims; // axis counts i, axis + 1 counts j
  square.insert(square.begin() + axis, dims[axis]);
  NodeId every = b.broadcast(x, square, other_axes({axis}, static_cast<int>(square.size())));
  NodeId itself = b.binary(Op::equal, b.iota(square, static_cast<int>(axis)), b.iota(square, static_cast<int>(axis) + 1));
  NodeId others = b.reduce(ReduceKind::mul, b.select(itself, b.like(every, 1), every), {axis + 1});
  return b.zmul(spread(b, gradient, dims, axis), others);
}

/// A product over several axes is taken as one axis after the other, the last first.
NodeId staged_adjoint(Builder &b, NodeId x, std::vector<int64_t> axes, NodeId gradient) {
  if (axes.empty()) return gradient;
  int64_t last = axes.back();
  axes.pop_back();
  if (!axes.empty()) gradient = staged_adjoint(b, b.reduce(ReduceKind::mul, x, {last}), axes, gradient);
  return product_adjoint(b, x, last, gradient);
}

std::vector<NodeId> reduce_adjoint(const AdjointContext &c) {
  auto [kind, axes] = c.attributes<ReduceAttributes>();
  if (kind == ReduceKind::mul) return {staged_adjoint(c.builder, c.operand(0), axes, c.gradient)};
  if (axes.empty()) return {c.gradient};
  if (kind != ReduceKind::add) return {extreme_adjoint(c.builder, kind, c.operand(0), axes, c.gradient)};
  return {c.builder.broadcast(c.gradient, c.type(0).dims, other_axes(axes, c.type(0).rank()))};
}

Batched reduce_batch(const BatchContext &c) {
  const auto &[kind, axes] = attributes_of(c.node);
  return c.builder.reduce(kind, c.operands[0], shifted(axes));
}

/// Of nothing: 0, 1, -inf or inf.
double neutral(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::add: return 0;
  case ReduceKind::mul: return 1;
  case ReduceKind::max: return -std::numeric_limits<double>::infinity();
  case ReduceKind::min: return std::numeric_limits<double>::infinity();
  }
  return 0;
}

double combine(ReduceKind kind, double a, double b) {
  switch (kind) {
  case ReduceKind::add: return a + b;
  case ReduceKind::mul: return a * b;
  case ReduceKind::max: return std::isnan(b) || a < b ? b : a;
  case ReduceKind::min: return std::isnan(b) || b < a ? b : a;
  }
  return a;
}

std::vector<int64_t> pick(const std::vector<int64_t> &index, const std::vector<int64_t> &axes) {
  std::vector<int64_t> result;
  for (int64_t axis : axes) result.push_back(index[axis]);
  return result;
}

Array evaluate_reduce(const EvaluateContext &c) {
  const auto &[kind, axes] = attributes_of(c.node);
  const Array &from = *c.operands[0];
  Array result = zeros(c);
  for (double &value : result.values) value = neutral(kind);
  std::vector<int64_t> kept = other_axes(axes, static_cast<int>(from.dims.size()));
  for_each_index(from.dims, [&](const auto &index, int64_t position) {
    double &value = result.values[linear(result.dims, pick(index, kept))];
    value = combine(kind, value, from.values[position]);
  });
  for (double &value : result.values) value = round_to(result.elem, value);
  return result;
}

std::vector<Sample> reduce_samples() {
  std::vector<Sample> samples;
  for (ReduceKind kind : {ReduceKind::add, ReduceKind::max, ReduceKind::min, ReduceKind::mul}) {
    samples.push_back(sample({real({3, 4})}, ReduceAttributes{kind, {1}}));
    samples.push_back(sample({real({0, 2, 3})}, ReduceAttributes{kind, {0, 2}}));
    samples.push_back(sample({real({2, 2})}, ReduceAttributes{kind, {0, 1}}));
  }
  return samples;
}

Type argreduce_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &[kind, axes] = std::get<ReduceAttributes>(attributes);
  if (kind != ReduceKind::max && kind != ReduceKind::min) return fail(error, "is of max or min");
  if (!(one(types[0]->elem) & numbers) || axes.empty() || !ascending(axes, types[0]->rank()))
    return fail(error, "axes [{}] of {}", fmt::join(axes, ","), to_string(*types[0]));
  return {Elem::i32, without(*types[0], axes).dims};
}

Batched argreduce_batch(const BatchContext &c) {
  const auto &[kind, axes] = attributes_of(c.node);
  return c.builder.argreduce(kind, c.operands[0], shifted(axes));
}

/// Whether b takes the place of a, which comes before it: the first NaN wins, else the first extreme.
bool beats(ReduceKind kind, double b, double a) {
  if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  return kind == ReduceKind::max ? b > a : b < a;
}

Array evaluate_argreduce(const EvaluateContext &c) {
  const auto &[kind, axes] = attributes_of(c.node);
  const Array &from = *c.operands[0];
  Array result = zeros(c);
  std::vector<double> best(result.values.size());
  const std::vector<int64_t> reduced = pick(from.dims, axes);
  std::vector<int64_t> kept = other_axes(axes, static_cast<int>(from.dims.size()));
  for_each_index(from.dims, [&](const auto &index, int64_t position) {
    int64_t at = linear(result.dims, pick(index, kept)), i = linear(reduced, pick(index, axes));
    if (i != 0 && !beats(kind, from.values[position], best[at])) return;
    best[at] = from.values[position];
    result.values[at] = static_cast<double>(i);
  });
  return result;
}

std::vector<Sample> argreduce_samples() {
  return {sample({real({3, 4})}, ReduceAttributes{ReduceKind::max, {1}}),
          sample({real({3, 0})}, ReduceAttributes{ReduceKind::min, {0}}),
          sample({real({2, 3, 2})}, ReduceAttributes{ReduceKind::max, {0, 2}}),
          sample({index({3, 5})}, ReduceAttributes{ReduceKind::max, {1}}, std::nullopt, 3)};
}

} // namespace

constinit const OpRecord records::reduce = {
    .name = "reduce",
    .doc = "sum, product, max or min over axes; the gradient of max and min goes to the first of equals in row-major order; NaN "
           "wins",
    .operands = 1,
    .blank = any<ReduceAttributes>,
    .shape = reduce_shape,
    .declared_type = false,
    .adjoint = reduce_adjoint,
    .batch = reduce_batch,
    .evaluate = evaluate_reduce,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = reduce_samples,
};

constinit const OpRecord records::argreduce = {
    .name = "argreduce",
    .doc = "the number of the greatest or least along axes, in row-major order of these: of the first NaN if there is one, else "
           "the first of equals",
    .operands = 1,
    .blank = any<ReduceAttributes>,
    .shape = argreduce_shape,
    .declared_type = false,
    .adjoint = NotDifferentiable{"an index is constant wherever it is continuous"},
    .batch = argreduce_batch,
    .evaluate = evaluate_argreduce,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = argreduce_samples,
};

} // namespace nnc::ir
