#include "codegen/axes.h"

#include "ir/builder.h"

#include <algorithm>
#include <cstdlib>

namespace nnc::codegen {
namespace {

constexpr int64_t many_examples = 97;

/// One loop of the finished kernel: the axes under construction that it walks, outermost first.
struct Loop {
  Size extent;
  std::vector<int> axes;
};

class AxisFinish {
public:
  AxisFinish(Kernel &kernel, const AxisLists &lists) : kernel_(kernel) {
    for (const auto *list : {&lists.outer, &lists.m, &lists.n, &lists.k, &lists.inner})
      extents_.insert(extents_.end(), list->begin(), list->end());
    for (Instruction &value : kernel_.values) {
      if (value.code == Code::load || value.code == Code::store || value.code == Code::store_add)
        accesses_.push_back(&value.access);
      if (value.code == Code::axis) named_.push_back(value.axis);
    }
    if (kernel_.contraction) accesses_.insert(accesses_.end(), {&kernel_.contraction->a, &kernel_.contraction->b});
    if (kernel_.ordering) accesses_.insert(accesses_.end(), {&kernel_.ordering->keys, &kernel_.ordering->result});
    for (Access *access : accesses_) access->strides.resize(extents_.size());
  }

  /// The axes of a list, `count` from `first`, as the leading access steps over memory: the largest strides outermost. As they are where no access
  /// moves along all of them.
  std::vector<int> ordered(int first, int count, const std::vector<const Access *> &leading) const {
    std::vector<int> axes;
    for (int axis = first; axis < first + count; ++axis)
      if (!(extents_[axis] == Size(1))) axes.push_back(axis);
    for (const Access *access : leading) {
      if (!std::all_of(axes.begin(), axes.end(), [&](int axis) { return !access->strides[axis].is_zero(); })) continue;
      auto step = [&](int axis) { return std::abs(access->strides[axis].at(many_examples)); };
      std::stable_sort(axes.begin(), axes.end(), [&](int a, int b) { return step(a) > step(b); });
      break;
    }
    return axes;
  }

  /// Accesses of the nest, those that move along its inner axes first, which are the most; stores before loads.
  std::vector<const Access *> leading(int inner) const {
    std::vector<const Access *> found;
    for (Code code : {Code::store, Code::load})
      for (const Instruction &value : kernel_.values)
        if (value.code == code) found.push_back(&value.access);
    std::stable_partition(found.begin(), found.end(), [&](const Access *access) {
      return std::any_of(access->strides.begin() + inner, access->strides.end(), [](const Size &s) { return !s.is_zero(); });
    });
    return found;
  }
  bool finds_positions() const {
    return std::any_of(kernel_.values.begin(), kernel_.values.end(), [](auto &value) { return value.code == Code::argreduce; });
  }

  /// The loops of some axes.
  std::vector<Loop> collapse(const std::vector<int> &axes) const {
    std::vector<Loop> loops;
    for (int axis : axes) {
      if (!loops.empty() && nested(loops.back().axes.back(), axis)) {
        loops.back().extent = loops.back().extent * extents_[axis];
        loops.back().axes.push_back(axis);
      } else {
        loops.push_back({extents_[axis], {axis}});
      }
    }
    return loops;
  }

  /// Puts the accesses and axis values into the numbering of `order`.
  void renumber(const std::vector<Loop> &order) {
    for (Access *access : accesses_) {
      std::vector<Size> strides;
      for (const Loop &loop : order) strides.push_back(access->strides[loop.axes.back()]);
      while (!strides.empty() && strides.back().is_zero()) strides.pop_back(); // code of a stage without axes has none for them
      access->strides = std::move(strides);
    }
    for (Instruction &value : kernel_.values) {
      if (value.code != Code::axis) continue;
      int found = -1;
      for (size_t i = 0; i < order.size(); ++i)
        if (order[i].axes.back() == value.axis) found = static_cast<int>(i);
      if (found < 0)
        value.code = Code::constant, value.value = 0; // an axis of one element
      else
        value.axis = found;
    }
  }

private:
  /// Every access steps over the whole of `inner` when `outer` advances by one, and no value names either.
  bool nested(int outer, int inner) const {
    for (int axis : named_)
      if (axis == outer || axis == inner) return false;
    for (const Access *access : accesses_)
      if (!(access->strides[outer] == extents_[inner] * access->strides[inner])) return false;
    return true;
  }

  Kernel &kernel_;
  std::vector<Size> extents_;
  std::vector<Access *> accesses_;
  std::vector<int> named_;
};

/// Reductions over axes of one element: the value, or the product of the two.
void drop_reductions(Kernel &kernel) {
  for (Instruction &value : kernel.values) {
    if (value.code == Code::reduce) value.code = Code::scalar, value.op = value.operands.size() == 2 ? ir::Op::mul : ir::Op::copy;
    if (value.code == Code::argreduce) value.code = Code::constant, value.value = 0, value.operands.clear();
  }
}

std::vector<Size> extents_of(const std::vector<Loop> &loops) {
  std::vector<Size> result;
  for (const Loop &loop : loops) result.push_back(loop.extent);
  return result;
}

} // namespace

void finish_axes(Kernel &kernel, AxisLists lists, const Operands &operands, const std::vector<bool> &has_axes) {
  AxisFinish finish(kernel, lists);
  int first = 0;
  auto loops_of = [&](const std::vector<Size> &list, const std::vector<const Access *> &leading) {
    auto loops = finish.collapse(finish.ordered(first, static_cast<int>(list.size()), leading));
    first += static_cast<int>(list.size());
    return loops;
  };
  const auto accesses = finish.leading(static_cast<int>(lists.outer.size()));
  std::vector<const Access *> a, b, larger;
  if (const auto &c = kernel.contraction)
    a = {&c->a}, b = {&c->b},
    larger = {operands.a_elements.at(many_examples) < operands.b_elements.at(many_examples) ? &c->b : &c->a};
  std::vector<Loop> outer = loops_of(lists.outer, accesses), m = loops_of(lists.m, a), n = loops_of(lists.n, b),
                    k = loops_of(lists.k, larger), inner = loops_of(lists.inner, finish.finds_positions() ? a : accesses);

  std::vector<Loop> stage_loops = inner;
  if (kernel.contraction) {
    // One loop is m and one is n, the innermost of each; the rest are outer ones. Without any, an axis of one element stands in.
    auto take_last = [&](std::vector<Loop> &loops, const std::vector<Size> &list, int first_axis) {
      Loop last{1, {first_axis}};
      if (!loops.empty())
        last = loops.back(), loops.pop_back();
      else if (list.empty())
        throw ir::InternalError("a contraction without free axes");
      outer.insert(outer.end(), loops.begin(), loops.end());
      return last;
    };
    int m_first = static_cast<int>(lists.outer.size());
    Loop m_last = take_last(m, lists.m, m_first), n_last = take_last(n, lists.n, m_first + static_cast<int>(lists.m.size()));
    if (k.empty()) k.push_back({1, {m_first + static_cast<int>(lists.m.size() + lists.n.size())}});
    stage_loops = {m_last, n_last};
    // Examples outermost: chunks of k are of the outermost axis, the points within it must be known.
    std::stable_partition(k.begin(), k.end(), [](const Loop &loop) { return !loop.extent.is_constant(); });
    kernel.contraction->m = m_last.extent;
    kernel.contraction->n = n_last.extent;
    kernel.contraction->k = extents_of(k);
  }
  std::vector<Loop> order = outer;
  order.insert(order.end(), stage_loops.begin(), stage_loops.end());
  if (kernel.contraction) order.insert(order.end(), k.begin(), k.end());
  finish.renumber(order);
  if (!kernel.contraction && inner.empty()) drop_reductions(kernel);
  kernel.axes = extents_of(outer);
  if (kernel.ordering) kernel.ordering->count = inner.empty() ? Size(1) : inner.front().extent;
  for (size_t stage = 0; stage < kernel.stages.size(); ++stage)
    if (has_axes[stage]) kernel.stages[stage].axes = extents_of(stage_loops);
}

} // namespace nnc::codegen
