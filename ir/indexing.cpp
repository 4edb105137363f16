// Elements chosen by an index, and the sum of elements into chosen places.

#include "ir/affine.h"
#include "ir/family.h"

namespace nnc::ir {

namespace {

const GatherAttributes &attributes_of(const Node &node) { return std::get<GatherAttributes>(node.attributes); }

/// Whether the first `batch` axes are equal.
bool same_batch(const Type &a, const Type &b, int64_t batch) {
  if (batch < 0 || a.rank() < batch || b.rank() < batch) return false;
  return std::equal(a.dims.begin(), a.dims.begin() + batch, b.dims.begin());
}

Type gather_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &[batch, size] = std::get<GatherAttributes>(attributes);
  const Type &table = *types[0], &index = *types[1];
  if (index.elem != Elem::i32 || !same_batch(table, index, batch) || table.rank() <= batch || table.dims[batch] != size)
    return fail(error, "table {} of {} by index {} with {} batch axes", to_string(table), to_string(size), to_string(index),
                batch);
  Type result{table.elem, index.dims};
  result.dims.insert(result.dims.end(), table.dims.begin() + batch + 1, table.dims.end());
  return result;
}

/// One index for each batch: a comparison with it, which fuses; else a scatter_add.
std::vector<NodeId> gather_adjoint(const AdjointContext &c) {
  Builder &b = c.builder;
  auto [batch, size] = c.attributes<GatherAttributes>();
  NodeId index = c.operand(1);
  if (c.type(1).rank() != batch) return {b.scatter_add(index, c.gradient, batch, size), no_node};
  const Shape table = c.type(0).dims;
  NodeId spread_index = b.broadcast(index, table, all_axes(static_cast<int>(batch)));
  NodeId spread_gradient = b.broadcast(c.gradient, table, other_axes({batch}, static_cast<int>(table.size())));
  NodeId here = b.binary(Op::equal, b.iota(table, static_cast<int>(batch)), spread_index);
  return {b.select(here, spread_gradient, b.like(spread_gradient, 0)), no_node};
}

/// The new axis is one more batch axis; only where the table is the same along it does the index just get longer.
Batched gather_batch(const BatchContext &c) {
  Builder &b = c.builder;
  int64_t batch = attributes_of(c.node).batch;
  if (c.lifted[0]) return gather_or_view(b, c.operands[0], c.lift(1), batch + 1);
  if (batch == 0) return gather_or_view(b, c.operands[0], c.operands[1], 0);
  std::vector<int64_t> order = all_axes(b.type(c.operands[1]).rank()); // the new axis behind the batch axes of the index
  order.erase(order.begin());
  order.insert(order.begin() + batch, 0);
  NodeId gathered = gather_or_view(b, c.operands[0], b.transpose(c.operands[1], order), batch);
  std::vector<int64_t> back = all_axes(b.type(gathered).rank());
  back.erase(back.begin() + batch);
  back.insert(back.begin(), batch);
  return b.transpose(gathered, back);
}

/// Row-major positions: [b…, i…, r…] as three numbers.
struct Blocks {
  int64_t batches = 1, indices = 1, rows = 1;
  Blocks(const Array &index, const Array &with_rows, int64_t batch, int64_t row_axis) {
    for (int64_t k = 0; k < batch; ++k) batches *= index.dims[k];
    for (size_t k = batch; k < index.dims.size(); ++k) indices *= index.dims[k];
    for (size_t k = row_axis; k < with_rows.dims.size(); ++k) rows *= with_rows.dims[k];
  }
};

/// Calls f(position in the table, position in the gathered tensor) for every element.
template <typename F> void for_each_gathered(const Blocks &blocks, const Array &index, int64_t size, F &&f) {
  for (int64_t b = 0; b < blocks.batches; ++b)
    for (int64_t i = 0; i < blocks.indices; ++i) {
      int64_t from = static_cast<int64_t>(index.values[b * blocks.indices + i]);
      if (from < 0 || from >= size) throw InternalError(fmt::format("index {} is not below {}", from, size));
      for (int64_t r = 0; r < blocks.rows; ++r)
        f((b * size + from) * blocks.rows + r, (b * blocks.indices + i) * blocks.rows + r);
    }
}

Array evaluate_gather(const EvaluateContext &c) {
  const auto &[batch, size] = attributes_of(c.node);
  const Array &table = *c.operands[0], &index = *c.operands[1];
  Array result = zeros(c);
  for_each_gathered(Blocks(index, table, batch, batch + 1), index, size.at(c.examples),
                    [&](int64_t from, int64_t to) { result.values[to] = table.values[from]; });
  return result;
}

std::vector<Sample> gather_samples() {
  return {sample({real({5, 3}), index({})}, GatherAttributes{0, {5}}, std::nullopt, 5),
          sample({real({5}), index({2, 3})}, GatherAttributes{0, {5}}, std::nullopt, 5),
          sample({real({4, 2}), index({0})}, GatherAttributes{0, {4}}, std::nullopt, 4),
          sample({real({0, 4, 2}), index({0})}, GatherAttributes{1, {4}}, std::nullopt, 4),
          sample({real({2, 3, 2}), index({2, 4})}, GatherAttributes{1, {3}}, std::nullopt, 3),
          sample({real({3, 0}), index({3, 2})}, GatherAttributes{1, {1, true}}, std::nullopt, 2)};
}

Type scatter_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &[batch, size] = std::get<GatherAttributes>(attributes);
  const Type &index = *types[0], &updates = *types[1];
  if (index.elem != Elem::i32 || batch < 0 || index.rank() < batch || !same_batch(index, updates, index.rank()) ||
      size.count < 1 || !is_float(updates.elem))
    return fail(error, "updates {} at index {} with {} batch axes to {}", to_string(updates), to_string(index), batch,
                to_string(size));
  Type result{updates.elem, Shape(index.dims.begin(), index.dims.begin() + batch)};
  result.dims.push_back(size);
  result.dims.insert(result.dims.end(), updates.dims.begin() + index.rank(), updates.dims.end());
  return result;
}

std::vector<NodeId> scatter_adjoint(const AdjointContext &c) {
  return {no_node, c.builder.gather(c.gradient, c.operand(0), c.attributes<GatherAttributes>().batch)};
}

Batched scatter_batch(const BatchContext &c) {
  const auto &[batch, size] = attributes_of(c.node);
  return c.builder.scatter_add(c.lift(0), c.lift(1), batch + 1, size);
}

Array evaluate_scatter(const EvaluateContext &c) {
  const auto &[batch, size] = attributes_of(c.node);
  const Array &index = *c.operands[0], &updates = *c.operands[1];
  Array result = zeros(c);
  for_each_gathered(Blocks(index, updates, batch, static_cast<int64_t>(index.dims.size())), index, size.at(c.examples),
                    [&](int64_t to, int64_t from) { result.values[to] += updates.values[from]; });
  for (double &value : result.values) value = round_to(result.elem, value);
  return result;
}

std::vector<Sample> scatter_samples() {
  return {sample({index({}), real({3})}, GatherAttributes{0, {4}}, std::nullopt, 4),
          sample({index({6}), real({6, 2})}, GatherAttributes{0, {4}}, std::nullopt, 4),
          sample({index({0, 3}), real({0, 3})}, GatherAttributes{1, {2}}, std::nullopt, 2),
          sample({index({3}), real({3, 2})}, GatherAttributes{0, {1, true}}, std::nullopt, 2)};
}

} // namespace

constinit const OpRecord records::gather = {
    .name = "gather",
    .doc = "table[b…, n, r…] at index[b…, i…]: [b…, i…, r…]",
    .operands = 2,
    .blank = any<GatherAttributes>,
    .shape = gather_shape,
    .declared_type = false,
    .adjoint = gather_adjoint,
    .batch = gather_batch,
    .evaluate = evaluate_gather,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = gather_samples,
};

constinit const OpRecord records::scatter_add = {
    .name = "scatter_add",
    .doc = "zeros [b…, n, r…] with updates[b…, i…, r…] added at index[b…, i…], in row-major order",
    .operands = 2,
    .blank = any<GatherAttributes>,
    .shape = scatter_shape,
    .declared_type = false,
    .adjoint = scatter_adjoint,
    .batch = scatter_batch,
    .evaluate = evaluate_scatter,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = scatter_samples,
};

} // namespace nnc::ir
