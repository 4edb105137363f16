#include "codegen/slab_blocks.h"

#include "codegen/slab_axes.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace nnc::codegen {

namespace {

void set_extent(Kernel &kernel, size_t axis, const Size &extent) {
  if (axis < kernel.axes.size()) {
    kernel.axes[axis] = extent;
    return;
  }
  Contraction &c = *kernel.contraction;
  const size_t inner = axis - kernel.axes.size();
  (inner == 0 ? c.m : inner == 1 ? c.n : c.k[inner - 2]) = extent;
  kernel.stages[0].axes = {c.m, c.n};
}

bool sums_over(const Kernel &kernel, size_t axis) { return kernel.contraction && axis >= kernel.axes.size() + 2; }

/// Whether a product is stored as it is: then blocks of its sum can be added to what is stored.
bool is_plain_product(const Kernel &kernel) {
  const std::vector<ValueId> &code = kernel.stages[0].code;
  return kernel.contraction->k.size() == 1 && code.size() == 2 && kernel.values[code[0]].code == Code::accumulator &&
         kernel.values[code[1]].code == Code::store;
}

class RowSearch {
public:
  RowSearch(const std::vector<Kernel> &kernels, const std::set<BufferId> &shared, size_t around)
      : kernels_(kernels), shared_(shared), around_(around) {}

  std::optional<Rows> from(size_t axis) {
    const Size extent = extents_of(kernels_[0])[axis];
    if (!extent.is_constant()) return std::nullopt;
    rows_ = {extent.c[0], std::vector<size_t>(kernels_.size(), 0)};
    rows_.axes[0] = axis;
    strides_.clear();
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t k = 0; k < kernels_.size(); ++k) {
        if (rows_.axes[k] == 0) changed |= find_axis(k);
        if (rows_.axes[k] != 0) changed |= take_strides(k);
      }
    }
    for (size_t k = 0; k < kernels_.size(); ++k)
      if (rows_.axes[k] == 0 || !fits(k)) return std::nullopt;
    return rows_;
  }

private:
  bool find_axis(size_t k) {
    const std::vector<Size> extents = extents_of(kernels_[k]);
    visit_accesses(kernels_[k], [&](const Access &access, bool) {
      const auto known = strides_.find(access.buffer);
      for (size_t axis = around_; known != strides_.end() && axis < extents.size(); ++axis)
        if (stride_of(access, axis) == known->second && extents[axis] == Size(rows_.count)) rows_.axes[k] = axis;
    });
    return rows_.axes[k] != 0;
  }

  bool take_strides(size_t k) {
    bool changed = false;
    visit_accesses(kernels_[k], [&](const Access &access, bool) {
      const Size stride = stride_of(access, rows_.axes[k]);
      if (shared_.contains(access.buffer) && !stride.is_zero()) changed |= strides_.emplace(access.buffer, stride).second;
    });
    return changed;
  }

  bool fits(size_t k) const {
    const Kernel &kernel = kernels_[k];
    const size_t axis = rows_.axes[k];
    const bool sums = sums_over(kernel, axis);
    if (!kernel.contraction && axis >= kernel.axes.size()) return false;
    if (sums && !is_plain_product(kernel)) return false;
    Kernel one_row = kernel;
    set_extent(one_row, axis, 1);
    bool all = true;
    visit_accesses(kernel, [&](const Access &access, bool writes) {
      if (!shared_.contains(access.buffer)) return;
      if (writes && sums) all = false; // no kernel of the run may see what is not all summed
      const Size stride = stride_of(access, axis);
      const auto known = strides_.find(access.buffer);
      const std::optional<int64_t> within = reach(one_row, access, around_);
      all = all && known != strides_.end() && known->second == stride && stride.is_constant() && within && *within < stride.c[0];
    });
    return all;
  }

  const std::vector<Kernel> &kernels_;
  const std::set<BufferId> &shared_;
  const size_t around_;
  Rows rows_;
  std::map<BufferId, Size> strides_; // from row to row
};

/// Makes the steps of one run.
class Blocks {
public:
  Blocks(const Rows &rows, const std::set<BufferId> &own, size_t around, Entry &entry)
      : rows_(rows), own_(own), around_(around), entry_(entry) {}

  /// `turns` blocks of `count` rows from `first`.
  Step step(const std::vector<Kernel> &kernels, int64_t first, int64_t count, int64_t turns) {
    Step step{turns, {}};
    for (size_t k = 0; k < kernels.size(); ++k) step.kernels.push_back(of_rows(kernels[k], rows_.axes[k], first, count, turns));
    return step;
  }

  /// Zeros for what a product sums.
  Kernel zeros(const Kernel &product) const {
    const Instruction &store = product.values[product.stages[0].code[1]];
    Kernel made;
    made.axes = product.axes;
    made.axes.push_back(product.contraction->m), made.axes.push_back(product.contraction->n);
    made.place = product.place;
    made.values = {instruction(Code::constant, store.elem, product.place), store};
    made.values[1].operands = {0};
    made.stages = {Stage{{}, {0, 1}}};
    return made;
  }

private:
  Kernel of_rows(Kernel kernel, size_t axis, int64_t first, int64_t count, int64_t turns) {
    if (sums_over(kernel, axis)) add_to_stored(kernel);
    name_rows(kernel, axis);
    visit_accesses(kernel, [&](Access &access, bool) {
      const Size stride = stride_of(access, axis);
      if (own_.contains(access.buffer) || stride.is_zero()) return;
      access.strides[around_ - 1] = stride * Size(count);
      access.constant = access.constant + stride * Size(first);
    });
    if (kernel.triangle) {
      Access row{numbers(), first, std::vector<Size>(around_), {}};
      row.strides[around_ - 1] = Size(count);
      kernel.triangle->first = std::move(row);
    }
    set_extent(kernel, axis, count);
    kernel.axes[around_ - 1] = Size(turns);
    return kernel;
  }

  static void add_to_stored(Kernel &product) {
    Stage &stage = product.stages[0];
    const ValueId sum = stage.code[0], stored = stage.code[1];
    const Instruction store = product.values[stored];
    const ValueId before = static_cast<ValueId>(product.values.size());
    product.values.push_back(load_of(store.elem, store.access, store.place));
    product.values.push_back(scalar_of(ir::Op::add, store.elem, {before, sum}, store.place));
    product.values[stored].operands = {before + 1};
    stage.code = {sum, before, before + 1, stored};
  }

  /// A row's number is read from a table, as a kernel does not know which block it is in.
  void name_rows(Kernel &kernel, size_t axis) {
    for (Instruction &value : kernel.values) {
      if (value.code != Code::axis || value.axis != static_cast<int>(axis)) continue;
      Access access{numbers(), 0, std::vector<Size>(axis + 1), {}};
      access.strides[axis] = Size(1);
      value = load_of(ir::Elem::i32, std::move(access), value.place);
    }
  }

  BufferId numbers() {
    if (numbers_ < 0) {
      std::vector<double> all(static_cast<size_t>(rows_.count));
      std::iota(all.begin(), all.end(), 0.0);
      Buffer buffer{Space::constant, static_cast<int>(entry_.constants.size()), 0, ir::Elem::i32, rows_.count, "rows"};
      entry_.constants.push_back(std::move(all));
      entry_.buffers.push_back(std::move(buffer));
      numbers_ = static_cast<BufferId>(entry_.buffers.size() - 1);
    }
    return numbers_;
  }

  const Rows &rows_;
  const std::set<BufferId> &own_;
  const size_t around_;
  Entry &entry_;
  BufferId numbers_ = -1;
};

} // namespace

std::optional<Rows> find_rows(const std::vector<Kernel> &kernels, const std::set<BufferId> &shared, size_t around) {
  RowSearch search(kernels, shared, around);
  const size_t last = kernels[0].axes.size() + (kernels[0].contraction ? 2 : 0);
  for (size_t axis = around; axis < last; ++axis)
    if (auto rows = search.from(axis)) return rows;
  return std::nullopt;
}

std::vector<Step> in_blocks(const std::vector<Kernel> &kernels, const Rows &rows, int64_t block, const std::set<BufferId> &own,
                            size_t around, Entry &entry) {
  Blocks blocks(rows, own, around, entry);
  std::vector<Step> steps(1);
  for (size_t k = 0; k < kernels.size(); ++k)
    if (sums_over(kernels[k], rows.axes[k])) steps[0].kernels.push_back(blocks.zeros(kernels[k]));
  if (steps[0].kernels.empty()) steps.clear();
  const int64_t whole = rows.count / block, rest = rows.count % block;
  steps.push_back(blocks.step(kernels, 0, block, whole));
  if (rest > 0) steps.push_back(blocks.step(kernels, whole * block, rest, 1));
  return steps;
}

} // namespace nnc::codegen
