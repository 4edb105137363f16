#include "passes/simplify.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

NodeId operand(Builder &b, NodeId id) { return b.function()[id].operands[0]; }
bool is(Builder &b, NodeId id, Op op) { return b.function()[id].op == op; }
bool zeros(const Axes &list) {
  return std::all_of(list.begin(), list.end(), [](int64_t x) { return x == 0; });
}

NodeId slice_whole(Builder &b, NodeId id) { return b.type(id) == b.type(operand(b, id)) ? operand(b, id) : no_node; }

NodeId slice_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::slice)) return no_node;
  const auto a = attributes<SliceAttributes>(b.function(), inner);
  auto s = attributes<SliceAttributes>(b.function(), id);
  for (size_t k = 0; k < s.start.size(); ++k) {
    if (b.type(id).dims[k].batch) continue;
    s.start[k] = a.start[k] + s.start[k] * a.stride[k];
    s.limit[k] = a.start[k] + (s.limit[k] - 1) * a.stride[k] + 1;
    s.stride[k] *= a.stride[k];
  }
  return b.slice(operand(b, inner), s.start, s.limit, s.stride);
}

NodeId slice_of_broadcast(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::broadcast)) return no_node;
  const auto s = attributes<SliceAttributes>(b.function(), id);
  const Axes axes = attributes<AxesAttributes>(b.function(), inner).axes;
  SliceAttributes own;
  for (int64_t axis : axes)
    own.start.push_back(s.start[axis]), own.limit.push_back(s.limit[axis]), own.stride.push_back(s.stride[axis]);
  return b.broadcast(b.slice(operand(b, inner), own.start, own.limit, own.stride), b.type(id).dims, axes);
}

/// The elements that were padded, taken out again.
NodeId slice_of_pad(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::pad) || b.type(id) != b.type(operand(b, inner))) return no_node;
  const auto s = attributes<SliceAttributes>(b.function(), id);
  const auto p = attributes<PadAttributes>(b.function(), inner);
  for (size_t k = 0; k < s.start.size(); ++k)
    if (s.start[k] != p.before[k] || s.stride[k] != p.between[k] + 1) return no_node;
  return operand(b, inner);
}

/// Within one part: a slice of it.
NodeId slice_of_concatenate(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::concatenate)) return no_node;
  auto s = attributes<SliceAttributes>(b.function(), id);
  int64_t axis = attributes<AxesAttributes>(b.function(), inner).axes[0];
  for (NodeId part : b.function()[inner].operands) {
    int64_t count = b.type(part).dims[axis].count;
    if (s.start[axis] >= 0 && s.limit[axis] <= count) return b.slice(part, s.start, s.limit, s.stride);
    s.start[axis] -= count, s.limit[axis] -= count;
    if (s.start[axis] < 0) return no_node;
  }
  return no_node;
}

NodeId pad_nothing(Builder &b, NodeId id) { return b.type(id) == b.type(operand(b, id)) ? operand(b, id) : no_node; }

NodeId pad_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::pad)) return no_node;
  auto p = attributes<PadAttributes>(b.function(), id);
  const auto q = attributes<PadAttributes>(b.function(), inner);
  if (!zeros(p.between)) return no_node;
  for (size_t k = 0; k < p.before.size(); ++k) p.before[k] += q.before[k], p.after[k] += q.after[k];
  return b.pad(operand(b, inner), p.before, p.after, q.between);
}

NodeId concatenate_flat(Builder &b, NodeId id) { // one part, or parts that are concatenations along the same axis
  const auto axes = attributes<AxesAttributes>(b.function(), id);
  std::vector<NodeId> parts;
  for (NodeId part : b.function()[id].operands) {
    const Node &node = b.function()[part];
    bool nested = node.op == Op::concatenate && equal(node.attributes, axes);
    if (nested)
      parts.insert(parts.end(), node.operands.begin(), node.operands.end());
    else
      parts.push_back(part);
  }
  if (parts.size() == 1) return parts[0];
  return parts.size() > b.function()[id].operands.size() ? b.concatenate(parts, axes.axes[0]) : no_node;
}

/// Neighbouring slices of one tensor, that differ along the axis only: one slice.
NodeId concatenate_slices(Builder &b, NodeId id) {
  int64_t axis = attributes<AxesAttributes>(b.function(), id).axes[0];
  const std::vector<NodeId> parts = b.function()[id].operands;
  SliceAttributes whole;
  for (NodeId part : parts) {
    if (!is(b, part, Op::slice) || operand(b, part) != operand(b, parts[0])) return no_node;
    auto s = attributes<SliceAttributes>(b.function(), part);
    if (s.stride[axis] != 1) return no_node;
    if (part != parts[0] || !whole.start.empty()) {
      if (s.start[axis] != whole.limit[axis]) return no_node;
      s.start[axis] = whole.start[axis];
      whole.limit[axis] = s.limit[axis];
      if (!equal(Attributes{whole}, Attributes{s})) return no_node;
    }
    whole = s;
  }
  return b.slice(operand(b, parts[0]), whole.start, whole.limit, whole.stride);
}

/// pad(a) + pad(b) where along one axis b begins where a ends, and else they lie alike: pad(concatenate(a, b)).
NodeId add_neighbours(Builder &b, NodeId id) {
  NodeId first = b.function()[id].operands[0], second = b.function()[id].operands[1];
  if (!is(b, first, Op::pad) || !is(b, second, Op::pad)) return no_node;
  auto p = attributes<PadAttributes>(b.function(), first), q = attributes<PadAttributes>(b.function(), second);
  if (!zeros(p.between) || !zeros(q.between)) return no_node;
  int64_t axis = -1;
  for (size_t k = 0; k < p.before.size(); ++k) {
    if (p.before[k] == q.before[k] && p.after[k] == q.after[k]) continue;
    if (axis >= 0) return no_node;
    axis = static_cast<int64_t>(k);
  }
  if (axis < 0) return no_node;
  if (q.before[axis] < p.before[axis]) std::swap(first, second), std::swap(p, q);
  NodeId x = operand(b, first), y = operand(b, second);
  if (p.before[axis] + b.type(x).dims[axis].count != q.before[axis]) return no_node;
  p.after[axis] = q.after[axis];
  return b.pad(b.concatenate({x, y}, axis), p.before, p.after, p.between);
}

} // namespace

std::vector<Rule> piece_rules() {
  return {
      {Op::slice, "whole", slice_whole},
      {Op::slice, "of slice", slice_twice},
      {Op::slice, "of broadcast", slice_of_broadcast},
      {Op::slice, "of pad", slice_of_pad},
      {Op::slice, "of concatenate", slice_of_concatenate},
      {Op::pad, "nothing", pad_nothing},
      {Op::pad, "of pad", pad_twice},
      {Op::concatenate, "flat", concatenate_flat},
      {Op::concatenate, "of neighbouring slices", concatenate_slices},
      {Op::add, "of neighbouring pads", add_neighbours},
  };
}

} // namespace nnc::passes
