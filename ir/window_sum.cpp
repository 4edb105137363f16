#include "ir/window_sum.h"

#include "ir/affine.h"
#include "ir/family.h"

#include <algorithm>
#include <map>

namespace nnc::ir {

std::optional<WindowSum> WindowSum::of(const Type &operand, const WindowAttributes &w, const Shape &result,
                                       const std::function<int(int64_t)> &uses) {
  const size_t rank = operand.dims.size();
  auto coefficient = [&](size_t r, size_t axis) { return w.coefficient[r * rank + axis]; };
  std::vector<int> seen(rank, 0); // by how many axes of the result
  for (size_t axis = 0; axis < rank; ++axis)
    for (size_t r = 0; r < result.size(); ++r) seen[axis] += coefficient(r, axis) != 0;

  WindowSum sum;
  sum.space_ = result;
  sum.result_axis_.assign(rank, -1);
  sum.place_.assign(rank, -1);
  for (size_t r = 0; r < result.size(); ++r) {
    int64_t best = -1;
    auto better = [&](size_t axis) {
      int here = uses(static_cast<int64_t>(axis)), there = uses(best);
      return here != there ? here < there : operand.dims[axis].count > operand.dims[best].count;
    };
    for (size_t axis = 0; axis < rank; ++axis)
      if (coefficient(r, axis) != 0 && seen[axis] == 1 && uses(static_cast<int64_t>(axis)) > 0 && (best < 0 || better(axis)))
        best = static_cast<int64_t>(axis);
    if (best < 0) return std::nullopt;
    sum.axes_.push_back({best, w.constant[r], coefficient(r, static_cast<size_t>(best)), {}});
    sum.result_axis_[best] = static_cast<int64_t>(r);
  }
  for (size_t axis = 0; axis < rank; ++axis) {
    if (sum.result_axis_[axis] >= 0) continue;
    sum.place_[axis] = static_cast<int64_t>(sum.space_.size());
    sum.space_.push_back(operand.dims[axis]);
    for (size_t r = 0; r < result.size(); ++r)
      if (coefficient(r, axis) != 0) sum.axes_[r].rest.emplace_back(sum.place_[axis], coefficient(r, axis));
  }
  return sum;
}

std::vector<int64_t> WindowSum::summed() const {
  std::vector<int64_t> axes;
  for (size_t axis = axes_.size(); axis < space_.size(); ++axis) axes.push_back(static_cast<int64_t>(axis));
  return axes;
}

Part WindowSum::read(Builder &b, const Part &part) const {
  const Shape dims = b.type(part.node).dims;
  std::vector<int64_t> before(dims.size(), 0), after = before, between = before, reversed;
  std::vector<IndexMap::Axis> index(dims.size());
  std::map<int64_t, int64_t> used; // axes of the space, and later their places among the part's
  for (size_t k = 0; k < dims.size(); ++k) {
    const int64_t axis = part.axes[k], r = result_axis_[axis];
    if (r < 0) {
      index[k] = {0, {{static_cast<int>(place_[axis]), 1}}};
      used[place_[axis]] = 0;
      continue;
    }
    const Collected &c = axes_[r];
    index[k] = {0, {{static_cast<int>(r), 1}}};
    used[r] = 0;
    if (dims[k].batch) continue;
    std::vector<int64_t> row(space_.size(), 0);
    for (auto [place, coefficient] : c.rest) {
      index[k].terms.emplace_back(static_cast<int>(place), -coefficient);
      row[place] = -coefficient;
      used[place] = 0;
    }
    int64_t constant = c.constant, last = (dims[k].count - 1) * std::abs(c.step);
    if (c.step < 0) reversed.push_back(static_cast<int64_t>(k)), constant -= last;
    // Read from `low` to `high`, where the elements stand at 0, |step|, …, `last`.
    const Interval rest = interval(space_, row);
    const int64_t low = rest.low - constant, high = space_[r].count - 1 - constant + rest.high;
    before[k] = std::max<int64_t>(0, -low), after[k] = std::max<int64_t>(0, high - last), between[k] = std::abs(c.step) - 1;
    index[k].constant = before[k] - constant;
  }
  NodeId node = reversed.empty() ? part.node : b.reverse(part.node, reversed);
  auto some = [](const std::vector<int64_t> &list) {
    return std::any_of(list.begin(), list.end(), [](int64_t n) { return n != 0; });
  };
  if (some(before) || some(after) || some(between)) node = b.pad(node, before, after, between);

  Part made{no_node, {}};
  Shape shape;
  for (auto &[axis, at] : used) {
    at = static_cast<int64_t>(shape.size());
    made.axes.push_back(axis);
    shape.push_back(space_[axis]);
  }
  for (IndexMap::Axis &axis : index)
    for (auto &[place, coefficient] : axis.terms) place = static_cast<int>(used[place]);
  made.node = view_of(b, node, {std::move(index)}, shape);
  return made;
}

namespace {

/// scatter_add by the row-major index into the axes of the result that are not of examples.
NodeId scattered(Builder &b, NodeId x, const WindowAttributes &w, const Shape &result) {
  const Shape dims = b.type(x).dims;
  const size_t rank = dims.size();
  std::vector<int64_t> order, to; // axes of x, and of the result, with those of examples in front
  auto put_others = [](std::vector<int64_t> &axes, const Shape &shape) {
    for (size_t k = 0; k < shape.size(); ++k)
      if (!shape[k].batch) axes.push_back(static_cast<int64_t>(k));
  };
  Shape flat, target;
  for (size_t r = 0; r < result.size(); ++r) {
    if (!result[r].batch) continue;
    for (size_t axis = 0; axis < rank; ++axis)
      if (w.coefficient[r * rank + axis] != 0) order.push_back(static_cast<int64_t>(axis));
    to.push_back(static_cast<int64_t>(r));
  }
  const int64_t batch = static_cast<int64_t>(to.size());
  put_others(order, dims), put_others(to, result);
  for (int64_t axis : order) flat.push_back(dims[axis]);
  for (int64_t axis : to) target.push_back(result[axis]);

  int64_t size = 1, constant = 0;
  std::vector<int64_t> coefficient(rank, 0);
  for (size_t i = to.size(); i-- > static_cast<size_t>(batch);) {
    constant += size * w.constant[to[i]];
    for (size_t axis = 0; axis < rank; ++axis) coefficient[axis] += size * w.coefficient[to[i] * rank + axis];
    size *= result[to[i]].count;
  }
  const Type type{Elem::i32, flat};
  NodeId index = b.constant(type, static_cast<double>(constant));
  for (size_t i = batch; i < order.size(); ++i)
    index = b.add(index, b.mul(b.iota(flat, static_cast<int>(i)), b.constant(type, static_cast<double>(coefficient[order[i]]))));
  NodeId sum = b.reshape(b.scatter_add(index, b.transpose(x, order), batch, Extent{size}), target);
  return b.transpose(sum, inverse(to));
}

} // namespace

NodeId plain_window_add(Builder &b, NodeId x, const WindowAttributes &w, const Shape &result) {
  auto sum = WindowSum::of(b.type(x), w, result, [](int64_t) { return 1; });
  if (!sum) return scattered(b, x, w, result);
  NodeId read = sum->read(b, {x, all_axes(b.type(x).rank())}).node;
  return sum->summed().empty() ? read : b.reduce(ReduceKind::add, read, sum->summed());
}

} // namespace nnc::ir
