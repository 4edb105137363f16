// Operations that put elements among others.

#include "ir/family.h"

#include <algorithm>

namespace nnc::ir {

namespace {

// pad: result[before + (1 + between)·i…] = x[i…], the rest 0.

Type pad_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &p = std::get<PadAttributes>(attributes);
  Type result = *types[0];
  if (p.before.size() != result.dims.size() || p.after.size() != p.before.size() || p.between.size() != p.before.size())
    return fail(error, "needs before, after and between for each axis of {}", to_string(result));
  for (size_t k = 0; k < p.before.size(); ++k) {
    Extent &extent = result.dims[k];
    bool none = p.before[k] == 0 && p.after[k] == 0 && p.between[k] == 0;
    int64_t inside = 0;
    if (p.before[k] < 0 || p.after[k] < 0 || p.between[k] < 0 || (extent.batch && !none) ||
        __builtin_mul_overflow(std::max<int64_t>(extent.count - 1, 0), p.between[k], &inside) ||
        __builtin_add_overflow(extent.count, inside, &extent.count) ||
        __builtin_add_overflow(extent.count, p.before[k], &extent.count) ||
        __builtin_add_overflow(extent.count, p.after[k], &extent.count))
      return fail(error, "{} before, {} after, {} between on axis {} of {}", p.before[k], p.after[k], p.between[k], k,
                  to_string(*types[0]));
  }
  return result;
}

std::vector<NodeId> pad_adjoint(const AdjointContext &c) {
  auto p = c.attributes<PadAttributes>();
  const Shape from = c.type(0).dims;
  std::vector<int64_t> limit, stride;
  for (size_t k = 0; k < from.size(); ++k) {
    stride.push_back(p.between[k] + 1);
    limit.push_back(from[k].batch ? 0 : p.before[k] + (from[k].count - 1) * stride[k] + 1);
  }
  return {c.builder.slice(c.gradient, p.before, limit, stride)};
}

Batched pad_batch(const BatchContext &c) {
  auto p = std::get<PadAttributes>(c.node.attributes);
  for (auto *list : {&p.before, &p.after, &p.between}) list->insert(list->begin(), 0);
  return c.builder.pad(c.operands[0], p.before, p.after, p.between);
}

Array evaluate_pad(const EvaluateContext &c) {
  const auto &p = std::get<PadAttributes>(c.node.attributes);
  Array result = zeros(c);
  for_each_index(c.operands[0]->dims, [&](auto index, int64_t position) {
    for (size_t k = 0; k < index.size(); ++k) index[k] = p.before[k] + (1 + p.between[k]) * index[k];
    result.values[linear(result.dims, index)] = c.operands[0]->values[position];
  });
  return result;
}

std::vector<Sample> pad_samples() {
  return {sample({real({3, 2})}, PadAttributes{{1, 0}, {2, 1}, {1, 0}}),
          sample({real({0, 2})}, PadAttributes{{0, 1}, {0, 0}, {0, 2}})};
}

// concatenate: the operands one after the other along one axis.

Type concatenate_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &axes = std::get<AxesAttributes>(attributes).axes;
  if (types.empty()) return fail(error, "needs an operand");
  if (axes.size() != 1 || !ascending(axes, types[0]->rank())) return fail(error, "needs one axis of {}", to_string(*types[0]));
  Type result = *types[0];
  Extent &along = result.dims[axes[0]];
  along = {0, false};
  for (const Type *type : types) {
    Type expected = result;
    if (type->rank() == result.rank()) expected.dims[axes[0]] = type->dims[axes[0]];
    if (*type != expected || expected.dims[axes[0]].batch ||
        __builtin_add_overflow(along.count, expected.dims[axes[0]].count, &along.count))
      return fail(error, "{} and {} along axis {}", to_string(*types[0]), to_string(*type), axes[0]);
  }
  return result;
}

std::vector<NodeId> concatenate_adjoint(const AdjointContext &c) {
  int64_t axis = c.attributes<AxesAttributes>().axes[0], start = 0;
  std::vector<int64_t> from, limit, stride(c.type(0).rank(), 1);
  for (const Extent &extent : c.type(0).dims) from.push_back(0), limit.push_back(extent.batch ? 0 : extent.count);
  std::vector<NodeId> result;
  for (size_t i = 0; i < c.wanted.size(); ++i) {
    from[axis] = start;
    limit[axis] = start = start + c.type(i).dims[axis].count;
    result.push_back(c.wanted[i] ? c.builder.slice(c.gradient, from, limit, stride) : no_node);
  }
  return result;
}

Batched concatenate_batch(const BatchContext &c) {
  std::vector<NodeId> parts;
  for (size_t i = 0; i < c.operands.size(); ++i) parts.push_back(c.lift(i));
  return c.builder.concatenate(parts, std::get<AxesAttributes>(c.node.attributes).axes[0] + 1);
}

Array evaluate_concatenate(const EvaluateContext &c) {
  int64_t axis = std::get<AxesAttributes>(c.node.attributes).axes[0], start = 0;
  Array result = zeros(c);
  for (const Array *part : c.operands) {
    for_each_index(part->dims, [&](auto index, int64_t position) {
      index[axis] += start;
      result.values[linear(result.dims, index)] = part->values[position];
    });
    start += part->dims[axis];
  }
  return result;
}

std::vector<Sample> concatenate_samples() {
  return {sample({real({2, 3}), real({2, 1}), real({2, 2})}, AxesAttributes{{1}}),
          sample({real({3, 0}), real({2, 0})}, AxesAttributes{{0}})};
}

} // namespace

constinit const OpRecord records::pad = {
    .name = "pad",
    .doc = "zeros before, after and between the elements of each axis",
    .operands = 1,
    .blank = any<PadAttributes>,
    .shape = pad_shape,
    .declared_type = false,
    .adjoint = pad_adjoint,
    .batch = pad_batch,
    .evaluate = evaluate_pad,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = pad_samples,
};

constinit const OpRecord records::concatenate = {
    .name = "concatenate",
    .doc = "the operands one after the other along the axis",
    .operands = -1,
    .blank = any<AxesAttributes>,
    .shape = concatenate_shape,
    .declared_type = false,
    .adjoint = concatenate_adjoint,
    .batch = concatenate_batch,
    .evaluate = evaluate_concatenate,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = concatenate_samples,
};

} // namespace nnc::ir
