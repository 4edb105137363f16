#include "passes/simplify.h"

#include "ir/affine.h"
#include "ir/family.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

NodeId operand(Builder &b, NodeId id) { return b.function()[id].operands[0]; }
bool is(Builder &b, NodeId id, Op op) { return b.function()[id].op == op; }
Axes axes_of(Builder &b, NodeId id) { return attributes<AxesAttributes>(b.function(), id).axes; }
Shape dims_of(Builder &b, NodeId id) { return b.type(id).dims; }
bool unit(const Extent &extent) { return extent == Extent{}; }
bool holds(const Axes &axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

// Broadcasts.

NodeId broadcast_to_itself(Builder &b, NodeId id) {
  return dims_of(b, id) == dims_of(b, operand(b, id)) ? operand(b, id) : no_node;
}

NodeId broadcast_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::broadcast)) return no_node;
  Axes outer = axes_of(b, id), axes;
  for (int64_t axis : axes_of(b, inner)) axes.push_back(outer[axis]);
  return b.broadcast(operand(b, inner), dims_of(b, id), axes);
}

// Reshapes.

NodeId reshape_to_itself(Builder &b, NodeId id) {
  return dims_of(b, id) == dims_of(b, operand(b, id)) ? operand(b, id) : no_node;
}

NodeId reshape_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  return is(b, inner, Op::reshape) ? b.reshape(operand(b, inner), dims_of(b, id)) : no_node;
}

/// Where each axis of `few` is found in `many` if the others of `many` are of extent 1.
std::optional<Axes> without_units(const Shape &few, const Shape &many) {
  Axes axes;
  for (size_t k = 0; k < many.size(); ++k) {
    if (axes.size() < few.size() && few[axes.size()] == many[k])
      axes.push_back(static_cast<int64_t>(k));
    else if (!unit(many[k]))
      return std::nullopt;
  }
  return axes.size() == few.size() ? std::optional(axes) : std::nullopt;
}

/// New axes of extent 1 are a broadcast, so that views of both kinds are one.
NodeId reshape_adds_units(Builder &b, NodeId id) {
  auto axes = without_units(dims_of(b, operand(b, id)), dims_of(b, id));
  return axes ? b.broadcast(operand(b, id), dims_of(b, id), *axes) : no_node;
}

NodeId reshape_of_broadcast(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::broadcast)) return no_node;
  NodeId x = operand(b, inner);
  Count before, after;
  if (product(dims_of(b, x), before) && product(dims_of(b, id), after) && before == after) return b.reshape(x, dims_of(b, id));
  auto kept = without_units(dims_of(b, id), dims_of(b, inner)); // axes of the broadcast that stay
  if (!kept) return no_node;
  Axes axes;
  for (int64_t axis : axes_of(b, inner)) {
    auto found = std::find(kept->begin(), kept->end(), axis);
    if (found == kept->end()) return no_node;
    axes.push_back(found - kept->begin());
  }
  return b.broadcast(x, dims_of(b, id), axes);
}

// Transposes.

NodeId transpose_of_units(Builder &b, NodeId id) { // the others keep their order: also the identity
  Axes moved;
  Shape from = dims_of(b, operand(b, id));
  for (int64_t axis : axes_of(b, id))
    if (!unit(from[axis])) moved.push_back(axis);
  return std::is_sorted(moved.begin(), moved.end()) ? b.reshape(operand(b, id), dims_of(b, id)) : no_node;
}

NodeId transpose_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::transpose)) return no_node;
  Axes first = axes_of(b, inner), axes;
  for (int64_t axis : axes_of(b, id)) axes.push_back(first[axis]);
  return b.transpose(operand(b, inner), axes);
}

/// The broadcast last: broadcast(transpose(x)).
NodeId transpose_of_broadcast(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::broadcast)) return no_node;
  NodeId x = operand(b, inner);
  Axes to = inverse(axes_of(b, id)), place;
  for (int64_t axis : axes_of(b, inner)) place.push_back(to[axis]); // of x's axes in the result
  Axes order = all_axes(b.type(x).rank());
  std::sort(order.begin(), order.end(), [&](int64_t i, int64_t k) { return place[i] < place[k]; });
  std::sort(place.begin(), place.end());
  NodeId moved = std::is_sorted(order.begin(), order.end()) ? x : b.transpose(x, order);
  return b.broadcast(moved, dims_of(b, id), place);
}

// Reversals.

NodeId reverse_needless(Builder &b, NodeId id) { // axes of extent 1, or twice
  NodeId inner = operand(b, id);
  Axes axes;
  for (int64_t axis : axes_of(b, id))
    if (!unit(dims_of(b, id)[axis])) axes.push_back(axis);
  if (axes.empty()) return inner;
  if (is(b, inner, Op::reverse) && axes_of(b, inner) == axes) return operand(b, inner);
  return axes.size() < axes_of(b, id).size() ? b.reverse(inner, axes) : no_node;
}

// Reductions of views.

/// Axes of extent 1 go by a reshape.
NodeId reduce_units(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  NodeId x = operand(b, id);
  const Shape dims = dims_of(b, x);
  Shape kept;
  Axes rest;
  for (int64_t axis = 0; axis < static_cast<int64_t>(dims.size()); ++axis) {
    if (holds(axes, axis) && unit(dims[axis])) continue;
    if (holds(axes, axis)) rest.push_back(static_cast<int64_t>(kept.size()));
    kept.push_back(dims[axis]);
  }
  if (axes.empty()) return x;
  if (rest.size() == axes.size()) return no_node;
  NodeId squeezed = b.reshape(x, kept);
  return rest.empty() ? squeezed : b.reduce(kind, squeezed, rest);
}

/// Over axes of the operand: the broadcast comes after. max and min do not see the other axes, a sum over those stays.
NodeId reduce_of_broadcast(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::broadcast)) return no_node;
  const auto [kind, reduced] = attributes<ReduceAttributes>(b.function(), id);
  const Axes from = axes_of(b, inner);
  Axes own, place;
  for (size_t k = 0; k < from.size(); ++k)
    if (holds(reduced, from[k])) own.push_back(static_cast<int64_t>(k));
  bool idempotent = kind == ReduceKind::max || kind == ReduceKind::min;
  if (!idempotent && own.size() != reduced.size()) return no_node;
  Axes kept = other_axes(reduced, b.type(inner).rank());
  for (int64_t axis : from)
    if (!holds(reduced, axis)) place.push_back(std::find(kept.begin(), kept.end(), axis) - kept.begin());
  return b.broadcast(b.reduce(kind, operand(b, inner), own), dims_of(b, id), place);
}

/// The reduce first, where it visits elements in the same order.
NodeId reduce_of_transpose(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::transpose)) return no_node;
  const auto [kind, reduced] = attributes<ReduceAttributes>(b.function(), id);
  const Axes from = axes_of(b, inner);
  Axes axes, kept;
  for (size_t k = 0; k < from.size(); ++k) (holds(reduced, static_cast<int64_t>(k)) ? axes : kept).push_back(from[k]);
  if (!std::is_sorted(axes.begin(), axes.end())) return no_node;
  Axes sorted = kept, order;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t axis : kept) order.push_back(std::find(sorted.begin(), sorted.end(), axis) - sorted.begin());
  return b.transpose(b.reduce(kind, operand(b, inner), axes), order);
}

NodeId extreme_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  const auto [kind, outer] = attributes<ReduceAttributes>(b.function(), id);
  if (!is(b, inner, Op::reduce) || (kind != ReduceKind::max && kind != ReduceKind::min)) return no_node;
  const auto [inner_kind, axes] = attributes<ReduceAttributes>(b.function(), inner);
  if (inner_kind != kind) return no_node;
  Axes kept = other_axes(axes, b.type(operand(b, inner)).rank()), all = axes;
  for (int64_t axis : outer) all.push_back(kept[axis]);
  std::sort(all.begin(), all.end());
  return b.reduce(kind, operand(b, inner), all);
}

// Windows.

bool is_moving(Builder &b, NodeId id) { return is(b, id, Op::transpose) || is(b, id, Op::slice) || is(b, id, Op::reverse); }

/// One view of what the operand is a view of.
NodeId view_of_view(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  IndexMap map = composed(*view_map(b.function(), inner), *view_map(b.function(), id));
  return view_of(b, operand(b, inner), std::move(map), dims_of(b, id));
}

NodeId window_of_view(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  bool view = is_moving(b, inner) || is(b, inner, Op::window) || is(b, inner, Op::broadcast);
  return view && view_map(b.function(), inner) ? view_of_view(b, id) : no_node;
}

NodeId view_of_window(Builder &b, NodeId id) {
  return is(b, operand(b, id), Op::window) && view_map(b.function(), id) ? view_of_view(b, id) : no_node;
}

/// What is spread and moved, then spread again: the operand's elements have one place each. A transpose, a reversal or a pad moves.
NodeId spread_twice(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  const size_t rank = b.type(inner).dims.size();
  IndexMap places; // in `inner`, of an index of its operand
  places.axes.resize(rank);
  for (size_t k = 0; k < rank; ++k) places.axes[k] = {0, {{static_cast<int>(k), 1}}};
  if (is(b, inner, Op::window_add)) {
    places = index_map(attributes<WindowAttributes>(b.function(), inner), b.type(operand(b, inner)).dims.size());
  } else if (is(b, inner, Op::transpose)) {
    const Axes order = axes_of(b, inner);
    for (size_t k = 0; k < rank; ++k) places.axes[k].terms[0].first = static_cast<int>(order[k]);
  } else if (is(b, inner, Op::pad)) {
    const auto p = attributes<PadAttributes>(b.function(), inner);
    for (size_t k = 0; k < rank; ++k) places.axes[k] = {p.before[k], {{static_cast<int>(k), p.between[k] + 1}}};
  } else {
    return no_node;
  }
  const IndexMap map = composed(index_map(attributes<WindowAttributes>(b.function(), id), rank), places);
  const size_t count = b.type(operand(b, inner)).dims.size();
  return b.window_add(operand(b, inner), window_attributes(map, count), dims_of(b, id));
}

NodeId transpose_of_spread(Builder &b, NodeId id) {
  NodeId inner = operand(b, id);
  if (!is(b, inner, Op::window_add)) return no_node;
  const size_t rank = b.type(operand(b, inner)).dims.size();
  const IndexMap from = index_map(attributes<WindowAttributes>(b.function(), inner), rank);
  IndexMap map;
  for (int64_t axis : axes_of(b, id)) map.axes.push_back(from.axes[axis]);
  return b.window_add(operand(b, inner), window_attributes(map, rank), dims_of(b, id));
}

NodeId gather_by_affine(Builder &b, NodeId id) {
  const std::vector<NodeId> operands = b.function()[id].operands;
  if (!affine(b.function(), operands[1])) return no_node;
  NodeId view = gather_or_view(b, operands[0], operands[1], attributes<GatherAttributes>(b.function(), id).batch);
  return is(b, view, Op::gather) ? no_node : view;
}

} // namespace

std::vector<Rule> view_rules() {
  return {
      {Op::broadcast, "to itself", broadcast_to_itself},
      {Op::broadcast, "of broadcast", broadcast_twice},
      {Op::reshape, "to itself", reshape_to_itself},
      {Op::reshape, "of reshape", reshape_twice},
      {Op::reshape, "of broadcast", reshape_of_broadcast},
      {Op::reshape, "adds axes of extent 1", reshape_adds_units},
      {Op::transpose, "moves axes of extent 1", transpose_of_units},
      {Op::transpose, "of transpose", transpose_twice},
      {Op::transpose, "of broadcast", transpose_of_broadcast},
      {Op::reverse, "needless", reverse_needless},
      {Op::window, "of a view", window_of_view},
      {Op::window_add, "of what moves elements", spread_twice},
      {Op::transpose, "of a window", view_of_window},
      {Op::transpose, "of what windows spread", transpose_of_spread},
      {Op::slice, "of a window", view_of_window},
      {Op::reverse, "of a window", view_of_window},
      {Op::reduce, "of axes of extent 1", reduce_units},
      {Op::reduce, "of broadcast", reduce_of_broadcast},
      {Op::reduce, "of transpose", reduce_of_transpose},
      {Op::reduce, "extreme of extremes", extreme_twice},
      {Op::gather, "by an affine index", gather_by_affine},
  };
}

} // namespace nnc::passes
