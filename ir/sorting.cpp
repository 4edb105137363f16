// The order of the elements along an axis.

#include "ir/family.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nnc::ir {

namespace {

Type order_shape(std::span<const Type *const> types, const Attributes &, std::string &error) {
  if (!(one(types[0]->elem) & numbers) || types[0]->rank() == 0)
    return fail(error, "needs numbers along an axis, got {}", to_string(*types[0]));
  return {Elem::i32, types[0]->dims};
}

/// The last axis stays the last.
Batched order_batch(const BatchContext &c) { return c.builder.unary(Op::order, c.operands[0]); }

Array evaluate_order(const EvaluateContext &c) {
  const std::vector<double> &keys = c.operands[0]->values;
  Array result = zeros(c);
  const int64_t count = result.dims.back();
  for (int64_t first = 0; count > 0 && first < static_cast<int64_t>(keys.size()); first += count) {
    const auto row = result.values.begin() + first;
    std::iota(row, row + count, 0.0);
    std::stable_sort(row, row + count, [&](double i, double j) {
      const double a = keys[first + static_cast<int64_t>(i)], b = keys[first + static_cast<int64_t>(j)];
      return a < b || (std::isnan(b) && !std::isnan(a));
    });
  }
  return result;
}

std::vector<Sample> order_samples() {
  return {sample({real({5})}), sample({real({2, 0, 3})}), sample({real({3, 0})}), sample({real({4, 1})}),
          sample({index({2, 6})}, NoAttributes{}, std::nullopt, 3)};
}

} // namespace

constinit const OpRecord records::order = {
    .name = "order",
    .doc = "the indices that sort the last axis: ascending, NaN last, equals in their order",
    .operands = 1,
    .blank = any<NoAttributes>,
    .shape = order_shape,
    .declared_type = false,
    .adjoint = NotDifferentiable{"an index is constant wherever it is continuous"},
    .batch = order_batch,
    .evaluate = evaluate_order,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = order_samples,
};

} // namespace nnc::ir
