// Operations across the mini-batch, in the graph of one example. Lifting by the mini-batch turns them into reductions and views of what then has the
// examples in front. A graph that is not lifted has one example, number 0.
//
// A node that is the same for all examples is one node of theirs together. Its adjoint is the sum of what each example's uses contribute; the rules
// here say what one example contributes, and passes/differentiate.h where a sum is due.

#include "ir/family.h"

#include <algorithm>

namespace nnc::ir {

namespace {

constexpr Extent examples{1, true};

Type of_floats(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (!is_float(types[0]->elem)) return fail(error, "needs f32 or f64, got {}", to_string(*types[0]));
  return *types[0];
}

/// The axis of the examples, which is the first, in the second place, or back again.
NodeId swap_first_axes(Builder &b, NodeId x) {
  std::vector<int64_t> axes = all_axes(b.type(x).rank());
  std::swap(axes[0], axes[1]);
  return b.transpose(x, axes);
}

Array evaluate_one(const EvaluateContext &c) { return *c.operands[0]; }

// batch_sum

std::vector<NodeId> sum_adjoint(const AdjointContext &c) { return {c.gradient}; }

Batched sum_batch(const BatchContext &c) {
  if (!c.mini_batch) return c.builder.unary(Op::batch_sum, c.operands[0]);
  return {c.builder.reduce(ReduceKind::add, c.lift(0), {0}), false};
}

// batch_all

Type all_shape(std::span<const Type *const> types, const Attributes &, std::string &) {
  return {types[0]->elem, behind(examples, types[0]->dims)};
}

std::vector<NodeId> all_adjoint(const AdjointContext &c) { return {c.builder.unary(Op::batch_take, c.gradient)}; }

Batched all_batch(const BatchContext &c) {
  if (c.mini_batch) return {c.lift(0), false};
  return swap_first_axes(c.builder, c.builder.unary(Op::batch_all, c.operands[0]));
}

Array evaluate_all(const EvaluateContext &c) {
  Array result = zeros(c);
  std::copy(c.operands[0]->values.begin(), c.operands[0]->values.end(), result.values.begin());
  return result;
}

std::vector<Sample> all_samples() { return {sample({real({2, 3})}), sample({real({})}), sample({index({2})})}; }

// batch_take

Type take_shape(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (types[0]->rank() == 0 || types[0]->dims[0] != examples)
    return fail(error, "needs the examples in front, got {}", to_string(*types[0]));
  return {types[0]->elem, Shape(types[0]->dims.begin() + 1, types[0]->dims.end())};
}

/// The gradient at this example's row, zeros at the others'.
std::vector<NodeId> take_adjoint(const AdjointContext &c) {
  Builder &b = c.builder;
  const Shape dims = c.type(0).dims;
  NodeId here = b.broadcast(b.unary(Op::batch_take, b.iota({examples}, 0)), dims, {});
  NodeId spread = b.broadcast_leading(c.gradient, {examples});
  return {b.select(b.binary(Op::equal, b.iota(dims, 0), here), spread, b.like(spread, 0))};
}

/// Of a tensor that is the same for all examples each has its row, which is the tensor itself; of tensors of their own, their diagonal.
Batched take_batch(const BatchContext &c) {
  Builder &b = c.builder;
  if (!c.mini_batch) return b.unary(Op::batch_take, swap_first_axes(b, c.operands[0]));
  if (!c.lifted[0]) return c.operands[0];
  return b.gather(c.operands[0], b.iota({c.size}, 0), 1);
}

Array evaluate_take(const EvaluateContext &c) {
  Array result = zeros(c);
  std::copy_n(c.operands[0]->values.begin(), result.values.size(), result.values.begin());
  return result;
}

std::vector<Sample> take_samples() { return {sample({real({0, 3})}), sample({real({0})}), sample({index({0, 2})})}; }

// pass_sum

Batched pass_batch(const BatchContext &c) {
  if (c.mini_batch) throw InternalError("a sum over a pass in a graph of mini-batches");
  return c.builder.unary(Op::pass_sum, c.operands[0]);
}

} // namespace

constinit const OpRecord records::batch_sum = {
    .name = "batch_sum",
    .doc = "the sum over the examples, the same for each",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = of_floats,
    .declared_type = false,
    .adjoint = sum_adjoint,
    .batch = sum_batch,
    .evaluate = evaluate_one,
    .kernel = AcrossExamples{},
    .commutative = false,
    .samples = real_samples<1, -2, 2>,
};

constinit const OpRecord records::batch_all = {
    .name = "batch_all",
    .doc = "the operands of all examples, the same for each: [B, …]",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = all_shape,
    .declared_type = false,
    .adjoint = all_adjoint,
    .batch = all_batch,
    .evaluate = evaluate_all,
    .kernel = AcrossExamples{},
    .commutative = false,
    .samples = all_samples,
};

constinit const OpRecord records::batch_take = {
    .name = "batch_take",
    .doc = "this example's row of [B, …]",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = take_shape,
    .declared_type = false,
    .adjoint = take_adjoint,
    .batch = take_batch,
    .evaluate = evaluate_take,
    .kernel = AcrossExamples{},
    .commutative = false,
    .samples = take_samples,
};

constinit const OpRecord records::pass_sum = {
    .name = "pass_sum",
    .doc = "the sum over the examples of a whole pass; only in the graph of a report, which is cut there",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = of_floats,
    .declared_type = false,
    .adjoint = NotDifferentiable{"a pass ends after its mini-batches"},
    .batch = pass_batch,
    .evaluate = evaluate_one,
    .kernel = AcrossExamples{},
    .commutative = false,
    .samples = real_samples<1, -2, 2>,
};

} // namespace nnc::ir
