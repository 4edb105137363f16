#include "codegen/slab_axes.h"

#include <algorithm>
#include <numeric>

namespace nnc::codegen {

void visit_accesses(Kernel &kernel, const std::function<void(Access &, bool)> &visit) {
  for (const Stage &stage : kernel.stages)
    for (ValueId id : stage.code) {
      Instruction &value = kernel.values[id];
      if (value.code == Code::load) visit(value.access, false);
      if (value.code == Code::store || value.code == Code::store_add) visit(value.access, true);
    }
  if (kernel.contraction) visit(kernel.contraction->a, false), visit(kernel.contraction->b, false);
  if (kernel.ordering) visit(kernel.ordering->keys, false), visit(kernel.ordering->result, true);
  if (kernel.triangle && kernel.triangle->first) visit(*kernel.triangle->first, false);
}

std::vector<Size> extents_of(const Kernel &kernel) {
  std::vector<Size> extents = kernel.axes, inner;
  if (const auto &c = kernel.contraction) {
    inner = {c->m, c->n};
    inner.insert(inner.end(), c->k.begin(), c->k.end());
  } else {
    for (const Stage &stage : kernel.stages)
      if (stage.axes.size() > inner.size()) inner = stage.axes;
  }
  extents.insert(extents.end(), inner.begin(), inner.end());
  return extents;
}

void visit_accesses(const Kernel &kernel, const std::function<void(const Access &, bool)> &visit) {
  visit_accesses(const_cast<Kernel &>(kernel), [&](Access &access, bool writes) { visit(access, writes); });
}

namespace {

/// `size` over `divisor`, where that is a whole number for every B.
std::optional<Size> quotient(const Size &size, const Size &divisor) {
  int degree = 0;
  while (degree < 2 && divisor.c[degree] == 0) ++degree;
  const int64_t factor = divisor.c[degree];
  if (factor <= 0 || !(divisor == Size::power(factor, degree))) return std::nullopt;
  Size result;
  for (int i = 0; i < 3; ++i) {
    if (size.c[i] == 0) continue;
    if (i < degree || size.c[i] % factor != 0) return std::nullopt;
    result.c[i - degree] = size.c[i] / factor;
  }
  return result;
}

class SlabsFirst {
public:
  SlabsFirst(const Kernel &kernel, const SlabAxes &slabs) : kernel_(kernel), slabs_(slabs), axes_(slabs.size(), -1) {}

  bool find(BufferId buffer, const std::vector<Size> &strides) {
    for (size_t slab = slabs_.size(); slab-- > 0;)
      if (!find(slab, buffer, strides[slab])) return false;
    std::vector<int> sorted = axes_;
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  }

  std::optional<Kernel> ordered() {
    const int count = static_cast<int>(kernel_.axes.size());
    if (kernel_.lanes == Lanes::outer && !kernel_.contraction && std::find(axes_.begin(), axes_.end(), count - 1) != axes_.end())
      return std::nullopt;
    std::vector<int> order = axes_; // of the new axes the old ones; -1: of one turn
    order.push_back(-1);
    for (int axis = 0; axis < count; ++axis)
      if (std::find(axes_.begin(), axes_.end(), axis) == axes_.end()) order.push_back(axis);
    each_access([&](Access &access) {
      std::vector<Size> strides;
      for (int axis : order) strides.push_back(axis < 0 ? Size(0) : stride_of(access, axis));
      for (size_t axis = count; axis < access.strides.size(); ++axis) strides.push_back(access.strides[axis]);
      while (!strides.empty() && strides.back().is_zero()) strides.pop_back();
      access.strides = std::move(strides);
    });
    for (Instruction &value : kernel_.values) {
      if (value.code != Code::axis) continue;
      const auto found = std::find(order.begin(), order.end(), value.axis);
      value.axis = found == order.end() ? value.axis + 1 : static_cast<int>(found - order.begin());
    }
    std::vector<Size> extents;
    for (int axis : order) extents.push_back(axis < 0 ? Size(1) : kernel_.axes[axis]);
    kernel_.axes = std::move(extents);
    return std::move(kernel_);
  }

private:
  /// Also of values that the stages leave out.
  template <typename F> void each_access(F &&f) {
    for (Instruction &value : kernel_.values)
      if (value.code == Code::load || value.code == Code::store || value.code == Code::store_add) f(value.access);
    if (kernel_.contraction) f(kernel_.contraction->a), f(kernel_.contraction->b);
  }

  Size stride(BufferId buffer, size_t axis) const {
    Size found;
    visit_accesses(kernel_, [&](const Access &access, bool) {
      if (access.buffer == buffer) found = stride_of(access, axis);
    });
    return found;
  }

  bool find(size_t slab, BufferId buffer, const Size &wanted) {
    for (size_t axis = 0; axis < kernel_.axes.size(); ++axis) {
      const Size step = stride(buffer, axis);
      if (step.is_zero()) continue;
      const std::optional<Size> within = quotient(wanted, step);
      if (!within || !within->is_constant()) continue;
      const std::optional<Size> slabs = quotient(kernel_.axes[axis], *within);
      if (!slabs) continue;
      const std::optional<Size> before = quotient(*slabs, slabs_[slab]);
      if (!before) continue;
      size_t at = axis;
      if (!(*within == Size(1))) {
        if (!part(axis, *slabs, *within)) return false;
      }
      if (!(*before == Size(1))) {
        if (!part(axis, *before, slabs_[slab])) return false;
        ++at;
      }
      axes_[slab] = static_cast<int>(at);
      return true;
    }
    return false;
  }

  /// Makes an axis two, unless a value names it.
  bool part(size_t axis, const Size &outer, const Size &inner) {
    for (Instruction &value : kernel_.values) {
      if (value.code != Code::axis) continue;
      if (value.axis == static_cast<int>(axis)) return false;
      if (value.axis > static_cast<int>(axis)) ++value.axis;
    }
    each_access([&](Access &access) {
      if (access.strides.size() <= axis) return;
      access.strides.insert(access.strides.begin() + static_cast<std::ptrdiff_t>(axis), access.strides[axis] * inner);
    });
    kernel_.axes[axis] = inner;
    kernel_.axes.insert(kernel_.axes.begin() + static_cast<std::ptrdiff_t>(axis), outer);
    for (int &slab : axes_)
      if (slab > static_cast<int>(axis)) ++slab;
    return true;
  }

  Kernel kernel_;
  const SlabAxes &slabs_;
  std::vector<int> axes_; // of the kernel, by slab axis
};

} // namespace

std::optional<Kernel> with_slabs_first(const Kernel &kernel, const SlabAxes &slabs, BufferId buffer,
                                       const std::vector<Size> &strides) {
  SlabsFirst made(kernel, slabs);
  if (!made.find(buffer, strides)) return std::nullopt;
  return made.ordered();
}

std::optional<int64_t> reach(const Kernel &kernel, const Access &access, size_t around) {
  if (!access.indirect.empty() || !access.constant.is_constant() || access.constant.c[0] < 0) return std::nullopt;
  int64_t most = access.constant.c[0];
  const std::vector<Size> extents = extents_of(kernel);
  for (size_t axis = around; axis < extents.size(); ++axis) {
    const Size stride = stride_of(access, axis);
    if (stride.is_zero()) continue;
    if (!stride.is_constant() || stride.c[0] < 0 || !extents[axis].is_constant()) return std::nullopt;
    most += stride.c[0] * std::max<int64_t>(extents[axis].c[0] - 1, 0);
  }
  return most;
}

namespace {

/// Takes slab axis `slab` out of the addresses, whose digit of that value it is: all that is below moves by less than its stride, all that is above by
/// multiples of what the axis spans.
bool take_digit(const std::vector<Size> &extents, Access &access, size_t slab) {
  if (!access.strides[slab].is_constant()) return false;
  const int64_t stride = access.strides[slab].c[0], digits = extents[slab].is_constant() ? extents[slab].c[0] : 0;
  if (stride <= 0) return false;
  const int64_t period = stride * digits; // 0: nothing is above
  int64_t below = period > 0 ? access.constant.c[0] % period : access.constant.c[0];
  access.constant = period > 0 ? access.constant.c[0] / period * stride + below : below;
  for (size_t axis = 0; axis < access.strides.size(); ++axis) {
    Size &other = access.strides[axis];
    if (axis == slab || other.is_zero()) continue;
    if (!other.is_constant() || other.c[0] < 0) return false;
    if (period > 0 && other.c[0] % period == 0) {
      other = other.c[0] / period * stride;
      continue;
    }
    if (!extents[axis].is_constant()) return false;
    below += other.c[0] * std::max<int64_t>(extents[axis].c[0] - 1, 0);
  }
  access.strides[slab] = 0;
  return below < stride;
}

} // namespace

std::optional<Access> within_slab(const Kernel &kernel, Access access, size_t slabs) {
  if (!access.indirect.empty() || !access.constant.is_constant() || access.constant.c[0] < 0) return std::nullopt;
  access.strides.resize(std::max(access.strides.size(), slabs));
  const std::vector<Size> extents = extents_of(kernel);
  for (size_t slab = slabs; slab-- > 0;)
    if (!take_digit(extents, access, slab)) return std::nullopt;
  return access;
}

} // namespace nnc::codegen
