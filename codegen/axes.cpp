#include "codegen/axes.h"

#include "ir/builder.h"

namespace nnc::codegen {
namespace {

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

  /// The loops of `count` axes from `first`.
  std::vector<Loop> collapse(int first, int count) const {
    std::vector<Loop> loops;
    for (int axis = first; axis < first + count; ++axis) {
      if (extents_[axis] == Size(1)) continue;
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

void finish_axes(Kernel &kernel, AxisLists lists, const std::vector<bool> &has_axes) {
  AxisFinish finish(kernel, lists);
  int first = 0;
  auto loops_of = [&](const std::vector<Size> &list) {
    auto loops = finish.collapse(first, static_cast<int>(list.size()));
    first += static_cast<int>(list.size());
    return loops;
  };
  std::vector<Loop> outer = loops_of(lists.outer), m = loops_of(lists.m), n = loops_of(lists.n), k = loops_of(lists.k),
                    inner = loops_of(lists.inner);

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
