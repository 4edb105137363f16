// Transposes around contractions go into their attributes: which axis is contracted, and which operand is the left one.

#include "passes/contract.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

Axes mapped(const Axes &axes, const Axes &permutation) {
  Axes result;
  for (int64_t axis : axes) result.push_back(permutation[axis]);
  return result;
}

Axes free_axes(const Axes &batch, const Axes &contract, int rank) {
  Axes taken = batch;
  taken.insert(taken.end(), contract.begin(), contract.end());
  return other_axes(taken, rank);
}

/// dot(transpose(x), y), where x's free axes keep their order.
NodeId dot_of_transpose(Builder &b, NodeId id) {
  auto d = attributes<DotAttributes>(b.function(), id);
  std::vector<NodeId> operands = b.function()[id].operands;
  bool changed = false;
  for (size_t i : {0, 1}) {
    if (b.function()[operands[i]].op != Op::transpose) continue;
    Axes &batch = i == 0 ? d.left_batch : d.right_batch, &contract = i == 0 ? d.left_contract : d.right_contract;
    const Axes permutation = attributes<AxesAttributes>(b.function(), operands[i]).axes;
    Axes kept = mapped(free_axes(batch, contract, b.type(operands[i]).rank()), permutation);
    if (!std::is_sorted(kept.begin(), kept.end())) continue;
    batch = mapped(batch, permutation), contract = mapped(contract, permutation);
    operands[i] = b.function()[operands[i]].operands[0];
    changed = true;
  }
  return changed ? b.dot(operands[0], operands[1], d) : no_node;
}

/// transpose(dot(x, y)) as a transpose of dot(y, x) where x has the last axis, so that neighbours are neighbours in the product, too.
NodeId last_axis_last(Builder &b, NodeId id, size_t left) {
  const NodeId dot = b.function()[id].operands[0];
  const auto d = attributes<DotAttributes>(b.function(), dot);
  const std::vector<NodeId> operands = b.function()[dot].operands;
  const auto batch = static_cast<int64_t>(d.left_batch.size()), lefts = static_cast<int64_t>(left);
  const int64_t rank = b.type(dot).rank();
  Axes permutation = attributes<AxesAttributes>(b.function(), id).axes;
  if (lefts == 0 || batch + lefts == rank || permutation.back() != batch + lefts - 1) return no_node;
  for (int64_t &axis : permutation)
    if (axis >= batch) axis += axis < batch + lefts ? rank - batch - lefts : -lefts;
  return b.transpose(b.dot(operands[1], operands[0], {d.right_batch, d.left_batch, d.right_contract, d.left_contract}),
                     permutation);
}

/// transpose(dot(x, y)) as dot(x, y) or dot(y, x) with the batch axes in another order.
NodeId transpose_of_dot(Builder &b, NodeId id) {
  NodeId dot = b.function()[id].operands[0];
  if (b.function()[dot].op != Op::dot) return no_node;
  const Axes permutation = attributes<AxesAttributes>(b.function(), id).axes;
  const std::vector<NodeId> operands = b.function()[dot].operands;
  auto d = attributes<DotAttributes>(b.function(), dot);
  size_t batch = d.left_batch.size(), left = b.type(operands[0]).rank() - batch - d.left_contract.size();
  // The order in which the free axes must appear: the left operand's, the right one's, or the other way round.
  Axes straight(all_axes(static_cast<int>(permutation.size()))), swapped = straight;
  std::rotate(swapped.begin() + batch, swapped.begin() + batch + left, swapped.end());
  Axes batch_order(permutation.begin(), permutation.begin() + batch);
  if (std::any_of(batch_order.begin(), batch_order.end(), [&](int64_t axis) { return axis >= static_cast<int64_t>(batch); }))
    return last_axis_last(b, id, left);
  auto fits = [&](const Axes &order) {
    return std::equal(permutation.begin() + batch, permutation.end(), order.begin() + batch);
  };
  if (!fits(straight) && !fits(swapped)) return no_node;
  DotAttributes result{mapped(batch_order, d.left_batch), mapped(batch_order, d.right_batch), d.left_contract, d.right_contract};
  if (fits(straight)) return b.dot(operands[0], operands[1], result);
  return b.dot(operands[1], operands[0], {result.right_batch, result.left_batch, result.right_contract, result.left_contract});
}

/// slice(dot(x, y)) as a dot of slices, where a window is sliced, which costs nothing: the margin of a padded image has no gradient to be computed.
NodeId slice_of_dot(Builder &b, NodeId id) {
  NodeId dot = b.function()[id].operands[0];
  if (b.function()[dot].op != Op::dot) return no_node;
  const auto s = attributes<SliceAttributes>(b.function(), id);
  const auto d = attributes<DotAttributes>(b.function(), dot);
  std::vector<NodeId> operands = b.function()[dot].operands;
  size_t next = d.left_batch.size();
  SliceAttributes own[2];
  bool changed[2];
  for (size_t i : {0, 1}) {
    const Axes &batch = i == 0 ? d.left_batch : d.right_batch, &contract = i == 0 ? d.left_contract : d.right_contract;
    const Shape dims = b.type(operands[i]).dims;
    for (const Extent &extent : dims)
      own[i].start.push_back(0), own[i].limit.push_back(extent.batch ? 0 : extent.count), own[i].stride.push_back(1);
    auto take = [&](int64_t axis, size_t from) {
      own[i].start[axis] = s.start[from], own[i].limit[axis] = s.limit[from], own[i].stride[axis] = s.stride[from];
    };
    const SliceAttributes whole = own[i];
    for (size_t k = 0; k < batch.size(); ++k) take(batch[k], k);
    for (int64_t axis : free_axes(batch, contract, static_cast<int>(dims.size()))) take(axis, next++);
    changed[i] = !equal(Attributes{whole}, Attributes{own[i]});
    if (changed[i] && b.function()[operands[i]].op != Op::window) return no_node;
  }
  for (size_t i : {0, 1})
    if (changed[i]) operands[i] = b.slice(operands[i], own[i].start, own[i].limit, own[i].stride);
  return b.dot(operands[0], operands[1], d);
}

constexpr Rule rules[] = {
    {Op::slice, "of dot", slice_of_dot},         {Op::dot, "of transpose", dot_of_transpose},
    {Op::dot, "of quotient", dot_of_quotient},   {Op::dot, "of gathered", dot_of_gathered},
    {Op::scatter_add, "of dot", scattered_dot},  {Op::scan, "of gathered", scan_of_gathered},
    {Op::transpose, "of dot", transpose_of_dot},
};

} // namespace

Function dots(Function function) { return rewrite(std::move(function), rules); }

} // namespace nnc::passes
