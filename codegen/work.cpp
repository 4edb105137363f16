#include "codegen/work.h"

#include <algorithm>
#include <map>

namespace nnc::codegen {

double value_at(const Polynomial &p, int64_t examples) {
  double value = 0;
  for (size_t degree = p.size(); degree-- > 0;) value = value * static_cast<double>(examples) + p[degree];
  return value;
}

double turns_of(const Entry &entry, int kernel) {
  double product = 1;
  for (const TurnLoop &loop : entry.loops)
    if (loop.first <= kernel && kernel < loop.last) product *= static_cast<double>(loop.turns);
  return product;
}

namespace {

Polynomial sum(Polynomial a, const Polynomial &b) {
  a.resize(std::max(a.size(), b.size()));
  for (size_t i = 0; i < b.size(); ++i) a[i] += b[i];
  return a;
}

Polynomial product(const Polynomial &a, const Polynomial &b) {
  if (a.empty() || b.empty()) return {};
  Polynomial p(a.size() + b.size() - 1);
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) p[i + j] += a[i] * b[j];
  while (p.size() > 1 && p.back() == 0) p.pop_back();
  return p;
}

Polynomial polynomial(const Size &size) { return {size.c.begin(), size.c.end()}; }

/// The smaller or larger for a usual number of examples.
bool is_less(const Polynomial &a, const Polynomial &b) { return value_at(a, 64) < value_at(b, 64); }

using Axes = std::vector<Size>;

Polynomial points(const Axes &axes) {
  Polynomial count = {1};
  for (const Size &axis : axes) count = product(count, polynomial(axis));
  return count;
}

Axes joined(Axes axes, const Axes &more) {
  axes.insert(axes.end(), more.begin(), more.end());
  return axes;
}

class Counting {
public:
  Counting(const Kernel &kernel, const std::vector<Buffer> &buffers) : kernel_(kernel), buffers_(buffers) {}

  Polynomial operations() const {
    Polynomial count;
    for (const Step &step : kernel_.steps)
      for (const Kernel &part : step.kernels) count = sum(std::move(count), Counting(part, buffers_).operations());
    if (!kernel_.steps.empty()) return count;
    if (const auto &c = kernel_.contraction) count = product({2}, points(joined({c->m, c->n}, c->k)));
    for (const Stage &stage : kernel_.stages) {
      double each = 0;
      for (ValueId id : stage.code) each += operations(kernel_.values[id]);
      count = sum(std::move(count), product({each}, points(stage.axes)));
    }
    return product(count, points(kernel_.axes));
  }

  Polynomial bytes() {
    touch_all();
    Polynomial total;
    for (const auto *touched : {&reads_, &writes_})
      for (const auto &[buffer, elements] : *touched)
        total = sum(total, product({static_cast<double>(ir::bytes(buffers_[buffer].elem))}, elements));
    return total;
  }

private:
  using Touched = std::map<BufferId, Polynomial>; // elements

  void touch_all() {
    for (const Step &step : kernel_.steps)
      for (const Kernel &part : step.kernels) {
        Counting counting(part, buffers_);
        counting.touch_all();
        for (const auto &[buffer, elements] : counting.reads_) take(reads_[buffer], elements);
        for (const auto &[buffer, elements] : counting.writes_) take(writes_[buffer], elements);
      }
    if (const auto &c = kernel_.contraction) {
      const Axes axes = joined(joined(kernel_.axes, {c->m, c->n}), c->k);
      Access b = c->b;
      if (c->panel) b.strides[kernel_.axes.size() + 1] = 1;
      touch(reads_, c->a, axes), touch(reads_, b, axes);
    }
    if (const auto &p = kernel_.packing) {
      touch(reads_, p->from, joined(joined(kernel_.axes, {p->n}), p->k));
      touch(writes_, {p->to, 0, {1}, {}}, {buffers_[p->to].elements});
    }
    if (const auto &o = kernel_.ordering) {
      const Axes axes = joined(kernel_.axes, {o->count});
      touch(reads_, o->keys, axes), touch(writes_, o->result, axes);
    }
    for (const Stage &stage : kernel_.stages) {
      const Axes axes = joined(kernel_.axes, stage.axes);
      for (ValueId id : stage.code) {
        const Instruction &i = kernel_.values[id];
        if (i.code == Code::load || i.code == Code::store_add) touch(reads_, i.access, axes);
        if (i.code == Code::store || i.code == Code::store_add) touch(writes_, i.access, axes);
      }
    }
  }

  static void take(Polynomial &known, const Polynomial &elements) { known = std::max(known, elements, is_less); }

  static double operations(const Instruction &i) {
    bool is_arithmetic =
        i.code == Code::scalar || i.code == Code::reduce || i.code == Code::argreduce || i.code == Code::store_add;
    return is_arithmetic ? static_cast<double>(std::max<size_t>(i.operands.size(), 2) - 1) : 0;
  }

  /// Of several accesses to one buffer the largest counts; none touches more than there is.
  void touch(Touched &touched, const Access &access, const Axes &axes) const {
    if (buffers_[access.buffer].space == Space::slab) return; // of the cache
    std::vector<bool> moves(axes.size(), false);
    moving_axes(access, moves);
    Polynomial elements = {1};
    for (size_t axis = 0; axis < axes.size(); ++axis)
      if (moves[axis]) elements = product(elements, polynomial(axes[axis]));
    elements = std::min(elements, polynomial(buffers_[access.buffer].elements), is_less);
    take(touched[access.buffer], elements);
  }

  /// Marks the axes on which the element of an access depends.
  void moving_axes(const Access &access, std::vector<bool> &moves) const {
    for (size_t axis = 0; axis < access.strides.size() && axis < moves.size(); ++axis)
      if (!access.strides[axis].is_zero()) moves[axis] = true;
    for (const auto &[index, stride] : access.indirect) moving_axes(index, moves);
  }
  void moving_axes(ValueId id, std::vector<bool> &moves) const {
    const Instruction &i = kernel_.values[id];
    if (i.code == Code::axis && static_cast<size_t>(i.axis) < moves.size()) moves[i.axis] = true;
    if (i.code == Code::load) moving_axes(i.access, moves);
    for (ValueId operand : i.operands) moving_axes(operand, moves);
  }

  const Kernel &kernel_;
  const std::vector<Buffer> &buffers_;
  Touched reads_, writes_;
};

} // namespace

Work work_of(const Kernel &kernel, const std::vector<Buffer> &buffers) {
  Counting counting(kernel, buffers);
  return {counting.operations(), counting.bytes()};
}

} // namespace nnc::codegen
