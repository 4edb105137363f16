// A view by its map: the plainest operations that say it.

#include "ir/affine.h"

#include "ir/family.h"

#include <algorithm>
#include <map>

namespace nnc::ir {

IndexMap index_map(const WindowAttributes &w, size_t rank) {
  IndexMap map;
  for (size_t k = 0; k < w.constant.size(); ++k) {
    IndexMap::Axis axis{w.constant[k], {}};
    for (size_t j = 0; j < rank; ++j)
      if (int64_t coefficient = w.coefficient[k * rank + j]) axis.terms.emplace_back(static_cast<int>(j), coefficient);
    map.axes.push_back(std::move(axis));
  }
  return map;
}

WindowAttributes window_attributes(const IndexMap &map, size_t rank) {
  WindowAttributes w;
  for (const IndexMap::Axis &axis : map.axes) {
    std::vector<int64_t> row(rank, 0);
    for (auto [k, coefficient] : axis.terms) row[k] += coefficient;
    w.constant.push_back(axis.constant);
    w.coefficient.insert(w.coefficient.end(), row.begin(), row.end());
  }
  return w;
}

IndexMap composed(const IndexMap &inner, const IndexMap &outer) {
  IndexMap result;
  for (const IndexMap::Axis &axis : inner.axes) {
    IndexMap::Axis sum{axis.constant, {}};
    for (auto [middle, coefficient] : axis.terms) {
      sum.constant += coefficient * outer.axes[middle].constant;
      for (auto [last, factor] : outer.axes[middle].terms) sum.terms.emplace_back(last, coefficient * factor);
    }
    result.axes.push_back(std::move(sum));
  }
  return result;
}

namespace {

/// A view under way: what is left to say of `x` by `map`, whose terms are of different axes of more than one element.
class ViewMaker {
public:
  ViewMaker(Builder &b, NodeId x, IndexMap from, const Shape &dims)
      : b(b), x(x), map(std::move(from)), dims(dims), uses(dims.size(), 0) {
    for (IndexMap::Axis &axis : map.axes) {
      std::map<int, int64_t> sum;
      for (auto [k, coefficient] : axis.terms) sum[k] += coefficient;
      axis.terms.clear();
      for (auto [k, coefficient] : sum)
        if (coefficient != 0 && !(dims[k] == Extent{})) axis.terms.emplace_back(k, coefficient), ++uses[k];
    }
  }

  NodeId make() {
    bool plain = std::all_of(uses.begin(), uses.end(), [](int count) { return count <= 1; });
    for (size_t k = 0; k < map.axes.size(); ++k) plain = plain && (map.axes[k].terms.size() <= 1 || is_split(map.axes[k]));
    plain ? take_parts() : drop_fixed();
    return plain ? arrange() : window();
  }

private:
  Builder &b;
  NodeId x;
  IndexMap map;
  const Shape &dims;
  std::vector<int> uses; // of each result axis

  /// Whether the index counts through all the axes like digits of one number, from the axis of the largest step down.
  bool is_split(IndexMap::Axis &axis) const {
    std::sort(axis.terms.begin(), axis.terms.end(), [](auto a, auto b) { return a.second > b.second; });
    for (size_t i = 0; i + 1 < axis.terms.size(); ++i)
      if (axis.terms[i].second != axis.terms[i + 1].second * dims[axis.terms[i + 1].first].count) return false;
    return axis.terms.back().second > 0;
  }

  SliceAttributes whole() const {
    SliceAttributes s;
    for (const Extent &extent : b.type(x).dims)
      s.start.push_back(0), s.limit.push_back(extent.batch ? 0 : extent.count), s.stride.push_back(1);
    return s;
  }

  void slice(const SliceAttributes &s) {
    if (!equal(Attributes{s}, Attributes{whole()})) x = b.slice(x, s.start, s.limit, s.stride);
  }
  void reshape(const Shape &shape) {
    if (shape != b.type(x).dims) x = b.reshape(x, shape);
  }

  /// Slices each axis to what is read of it and splits or drops it, so that every axis of x is one of the result.
  void take_parts() {
    SliceAttributes s = whole();
    Shape split;
    std::vector<int64_t> reversed;
    std::vector<IndexMap::Axis> left;
    for (size_t k = 0; k < map.axes.size(); ++k) {
      const auto &[constant, terms] = map.axes[k];
      int64_t count = 1, step = terms.empty() ? 1 : terms.back().second;
      for (auto [axis, coefficient] : terms) {
        count *= dims[axis].count;
        if (step < 0) reversed.push_back(static_cast<int64_t>(split.size()));
        split.push_back(dims[axis]);
        left.push_back({0, {{axis, 1}}});
      }
      if (b.type(x).dims[k].batch) continue;
      s.start[k] = step > 0 ? constant : constant + (count - 1) * step;
      s.stride[k] = std::abs(step);
      s.limit[k] = s.start[k] + (count - 1) * s.stride[k] + 1;
    }
    slice(s);
    reshape(split);
    if (!reversed.empty()) x = b.reverse(x, reversed);
    map.axes = std::move(left);
  }

  /// Transposed to the order of the result's axes, and broadcast to the others.
  NodeId arrange() {
    std::vector<int64_t> order = all_axes(static_cast<int>(map.axes.size())), places;
    auto place = [&](int64_t k) { return map.axes[k].terms[0].first; };
    std::sort(order.begin(), order.end(), [&](int64_t i, int64_t k) { return place(i) < place(k); });
    for (int64_t k : order) places.push_back(place(k));
    if (!std::is_sorted(order.begin(), order.end())) x = b.transpose(x, order);
    return b.type(x).dims == dims ? x : b.broadcast(x, dims, places);
  }

  /// Takes the one element that is read of an axis that does not move.
  void drop_fixed() {
    SliceAttributes s = whole();
    Shape moving;
    std::vector<IndexMap::Axis> left;
    for (size_t k = 0; k < map.axes.size(); ++k) {
      if (map.axes[k].terms.empty()) {
        s.start[k] = map.axes[k].constant, s.limit[k] = s.start[k] + 1;
        continue;
      }
      moving.push_back(b.type(x).dims[k]);
      left.push_back(map.axes[k]);
    }
    slice(s);
    reshape(moving);
    map.axes = std::move(left);
  }

  NodeId window() {
    std::vector<int64_t> places;
    Shape used;
    for (size_t k = 0; k < dims.size(); ++k)
      if (uses[k] > 0) places.push_back(static_cast<int64_t>(k)), used.push_back(dims[k]);
    for (IndexMap::Axis &axis : map.axes)
      for (auto &[k, coefficient] : axis.terms) k = static_cast<int>(std::find(places.begin(), places.end(), k) - places.begin());
    NodeId made = b.window(x, window_attributes(map, places.size()), used);
    return used == dims ? made : b.broadcast(made, dims, places);
  }
};

} // namespace

NodeId view_of(Builder &b, NodeId x, IndexMap map, const Shape &dims) { return ViewMaker(b, x, std::move(map), dims).make(); }

} // namespace nnc::ir
