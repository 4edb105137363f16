// Operations across the mini-batch, in the graph of one example. There an example is the whole mini-batch, so both are the identity;
// lifting by the mini-batch turns them into a reduce and a broadcast.

#include "ir/family.h"

namespace nnc::ir {

namespace {

Type of_floats(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (!is_float(types[0]->elem)) return fail(error, "needs f32 or f64, got {}", to_string(*types[0]));
  return *types[0];
}

std::vector<NodeId> sum_adjoint(const AdjointContext &c) { return {c.builder.unary(Op::batch_broadcast, c.gradient)}; }
std::vector<NodeId> broadcast_adjoint(const AdjointContext &c) { return {c.builder.unary(Op::batch_sum, c.gradient)}; }

/// Another axis than the mini-batch's stays.
Batched sum_batch(const BatchContext &c) {
  if (!c.mini_batch) return c.builder.unary(Op::batch_sum, c.operands[0]);
  return {c.builder.reduce(ReduceKind::add, c.lift(0), {0}), false};
}

Batched broadcast_batch(const BatchContext &c) {
  if (!c.mini_batch) return c.builder.unary(Op::batch_broadcast, c.operands[0]);
  return c.lift(0);
}

Array evaluate_one(const EvaluateContext &c) { return *c.operands[0]; }

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

constinit const OpRecord records::batch_broadcast = {
    .name = "batch_broadcast",
    .doc = "the operand for each example",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = of_floats,
    .declared_type = false,
    .adjoint = broadcast_adjoint,
    .batch = broadcast_batch,
    .evaluate = evaluate_one,
    .kernel = AcrossExamples{},
    .commutative = false,
    .samples = real_samples<1, -2, 2>,
};

} // namespace nnc::ir
