// A kernel with `column <= row` in a select says where the diagonal is. From there the axes of the others follow by the strides of the tensors that they
// share. Then each kernel, in order, is followed with what its values are at masked points: select(false, x, -inf) is -inf, e^(-inf - max) is 0,
// and so is what is multiplied by it; a maximum does not see -inf, a sum no 0.
#include "codegen/slab_triangle.h"

#include "codegen/slab_axes.h"

#include <algorithm>
#include <limits>
#include <map>

namespace nnc::codegen {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int64_t least_extent = 2 * triangle_stretch;

/// The extent of an axis of a kernel, 0 where it has no such.
Size extent_of(const Kernel &kernel, size_t axis) {
  const std::vector<Size> extents = extents_of(kernel);
  return axis < extents.size() ? extents[axis] : Size(0);
}

/// What the values of a kernel are at masked points, where that is known.
class MaskedValues {
public:
  MaskedValues(const Kernel &kernel, const Triangle &triangle)
      : kernel_(kernel), triangle_(triangle), known_(kernel.values.size()) {}

  /// In the order of the code. `zeros`: the buffers that hold zeros there.
  void take(ValueId id, const std::set<BufferId> &zeros) {
    const Instruction &i = kernel_.values[id];
    if (i.code == Code::constant) known_[id] = i.value;
    if (i.code == Code::load && zeros.contains(i.access.buffer)) known_[id] = 0;
    if (i.code == Code::scalar) known_[id] = scalar(i);
  }
  bool is(ValueId id, double value) const { return known_[id] && *known_[id] == value; }

  /// Whether a reduction is the same without masked points.
  bool adds_nothing(const Instruction &reduce) const {
    if (reduce.code != Code::reduce) return false;
    if (reduce.reduce == ir::ReduceKind::max) return is(reduce.operands[0], -infinity);
    if (reduce.reduce == ir::ReduceKind::min) return is(reduce.operands[0], infinity);
    if (reduce.reduce != ir::ReduceKind::add) return false;
    return is(reduce.operands[0], 0) || (reduce.operands.size() == 2 && is(reduce.operands[1], 0));
  }

  /// `column <= row` is false there, `row < column` true.
  static std::optional<bool> comparison(const Kernel &kernel, const Instruction &i, const Triangle &triangle) {
    if (i.code != Code::scalar || (i.op != ir::Op::less_equal && i.op != ir::Op::less)) return std::nullopt;
    const Instruction &left = kernel.values[i.operands[0]], &right = kernel.values[i.operands[1]];
    if (left.code != Code::axis || right.code != Code::axis) return std::nullopt;
    const bool is_less = i.op == ir::Op::less;
    const auto &[row, column] = is_less ? std::pair(left, right) : std::pair(right, left);
    if (row.axis != triangle.row || column.axis != triangle.column) return std::nullopt;
    return is_less;
  }

private:
  std::optional<double> scalar(const Instruction &i) const {
    if (const auto holds = comparison(kernel_, i, triangle_)) return *holds;
    auto operand = [&](size_t k) { return known_[i.operands[k]]; };
    auto is_at = [&](size_t k, double value) { return is(i.operands[k], value); };
    switch (i.op) {
    case ir::Op::select:
      if (operand(0)) return operand(*operand(0) != 0 ? 1 : 2);
      return operand(1) == operand(2) ? operand(1) : std::nullopt;
    case ir::Op::copy: return operand(0);
    case ir::Op::neg: return operand(0) ? std::optional(-*operand(0)) : std::nullopt;
    case ir::Op::exp: return is_at(0, -infinity) ? std::optional(0.0) : std::nullopt;
    case ir::Op::sub: return is_at(0, -infinity) ? std::optional(-infinity) : std::nullopt;
    case ir::Op::add: return is_at(0, -infinity) || is_at(1, -infinity) ? std::optional(-infinity) : std::nullopt;
    case ir::Op::mul:
    case ir::Op::zmul: return is_at(0, 0) || is_at(1, 0) ? std::optional(0.0) : std::nullopt;
    case ir::Op::div: return is_at(0, 0) ? std::optional(0.0) : std::nullopt;
    default: return std::nullopt;
    }
  }

  const Kernel &kernel_;
  const Triangle triangle_;
  std::vector<std::optional<double>> known_;
};

class TriangleSearch {
public:
  TriangleSearch(const std::vector<Kernel> &kernels, const std::set<BufferId> &own, size_t around)
      : kernels_(kernels), own_(own), around_(around), triangles_(kernels.size()) {}

  /// By kernel, where all fit.
  std::optional<std::vector<std::optional<Triangle>>> find() {
    for (size_t k = 0; k < kernels_.size(); ++k)
      if ((triangles_[k] = masked(kernels_[k])) && !take_strides(k)) return std::nullopt;
    if (strides_.empty()) return std::nullopt;
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t k = 0; k < kernels_.size(); ++k) {
        if (triangles_[k] || !(triangles_[k] = located(kernels_[k]))) continue;
        if (!take_strides(k)) return std::nullopt;
        changed = true;
      }
    }
    for (size_t k = 0; k < kernels_.size(); ++k)
      if (!fits(k)) return std::nullopt;
    return triangles_;
  }

private:
  struct Strides {
    Size row, column;
    bool operator==(const Strides &) const = default;
  };

  bool is_square(const Kernel &kernel, const Triangle &t) const {
    const Size rows = extent_of(kernel, static_cast<size_t>(t.row)), columns = extent_of(kernel, static_cast<size_t>(t.column));
    return rows == columns && rows.is_constant() && rows.c[0] >= least_extent;
  }

  /// That of a kernel over rows which selects by `column <= row`.
  std::optional<Triangle> masked(const Kernel &kernel) const {
    if (kernel.contraction || kernel.lanes != Lanes::inner) return std::nullopt;
    const int column = static_cast<int>(kernel.axes.size());
    for (const Instruction &i : kernel.values)
      for (int row = static_cast<int>(around_); row < column; ++row)
        if (const Triangle t{row, column}; MaskedValues::comparison(kernel, i, t) && is_square(kernel, t)) return t;
    return std::nullopt;
  }

  Strides strides_of(const Access &access, const Triangle &t) const {
    return {stride_of(access, static_cast<size_t>(t.row)), stride_of(access, static_cast<size_t>(t.column))};
  }

  /// The tensors that a kernel walks along both axes are masked, and lie for all kernels alike.
  bool take_strides(size_t k) {
    bool fits = true;
    visit_accesses(kernels_[k], [&](const Access &access, bool) {
      const Strides strides = strides_of(access, *triangles_[k]);
      if (!own_.contains(access.buffer) || strides.row.is_zero() || strides.column.is_zero()) return;
      fits = fits && strides_.try_emplace(access.buffer, strides).first->second == strides;
    });
    return fits;
  }

  /// The axes of a kernel along which a masked tensor lies.
  std::optional<Triangle> located(const Kernel &kernel) const {
    std::optional<Triangle> found;
    visit_accesses(kernel, [&](const Access &access, bool) {
      const auto known = strides_.find(access.buffer);
      if (known == strides_.end() || found) return;
      Triangle t{-1, -1};
      for (size_t axis = around_; axis < access.strides.size(); ++axis) {
        if (access.strides[axis] == known->second.row) t.row = static_cast<int>(axis);
        if (access.strides[axis] == known->second.column) t.column = static_cast<int>(axis);
      }
      if (t.row >= 0 && t.column >= 0 && is_square(kernel, t)) found = t;
    });
    return found;
  }

  /// Whether the kernel may leave out masked points, or touches no masked tensor. Marks those that it leaves zeros in.
  bool fits(size_t k) {
    const Kernel &kernel = kernels_[k];
    bool alike = true;
    visit_accesses(kernel, [&](const Access &access, bool) {
      const auto known = strides_.find(access.buffer);
      if (known == strides_.end()) return;
      alike = alike && triangles_[k] && access.indirect.empty() && strides_of(access, *triangles_[k]) == known->second;
    });
    if (!alike || !triangles_[k]) return alike;
    const Triangle &t = *triangles_[k];
    const int outer = static_cast<int>(kernel.axes.size());
    if (!kernel.contraction && t.row < outer && t.column < outer) { // a map goes everywhere
      const bool is_map = std::all_of(kernel.stages.begin(), kernel.stages.end(), [](auto &stage) { return stage.axes.empty(); });
      if (!is_map || !stages_fit(kernel, t)) return false;
      triangles_[k].reset();
      return true;
    }
    if (!kernel.contraction) return t.row < outer && t.column == outer && kernel.lanes == Lanes::inner && stages_fit(kernel, t);
    const Contraction &c = *kernel.contraction;
    if (c.k.size() != 1 || t.row < outer || t.column < outer) return false;
    if (t.row < outer + 2 && t.column < outer + 2) return stages_fit(kernel, t);
    // Summed over an axis of the triangle: of zeros.
    auto is_zero = [&](const Access &operand) { return strides_.contains(operand.buffer) && zeros_.contains(operand.buffer); };
    return is_zero(c.a) || is_zero(c.b);
  }

  bool stages_fit(const Kernel &kernel, const Triangle &t) {
    MaskedValues masked(kernel, t);
    for (const Stage &stage : kernel.stages) {
      if (!kernel.contraction && stage.axes.size() > 1) return false;
      for (ValueId id : stage.code) {
        const Instruction &i = kernel.values[id];
        masked.take(id, zeros_);
        if (stage.axes.empty() && t.column >= static_cast<int>(kernel.axes.size())) continue; // of a whole row
        if ((i.code == Code::reduce || i.code == Code::argreduce) && !masked.adds_nothing(i)) return false;
        if (i.code == Code::store_add) return false;
        if (i.code != Code::store) continue;
        if (!strides_.contains(i.access.buffer)) return false;
        if (masked.is(i.operands[0], 0)) zeros_.insert(i.access.buffer);
      }
    }
    return true;
  }

  const std::vector<Kernel> &kernels_;
  const std::set<BufferId> &own_;
  const size_t around_;
  std::vector<std::optional<Triangle>> triangles_; // by kernel
  std::map<BufferId, Strides> strides_;            // of masked tensors
  std::set<BufferId> zeros_;                       // those that are zero at masked points
};

} // namespace

void find_triangle(std::vector<Kernel> &kernels, const std::set<BufferId> &own, size_t around) {
  const auto found = TriangleSearch(kernels, own, around).find();
  for (size_t k = 0; found && k < kernels.size(); ++k) kernels[k].triangle = (*found)[k];
}

bool is_of_rows(const std::vector<Kernel> &kernels, const Rows &rows) {
  for (size_t k = 0; k < kernels.size(); ++k)
    if (kernels[k].triangle && kernels[k].triangle->row != static_cast<int>(rows.axes[k])) return false;
  return true;
}

void forget_triangle(std::vector<Kernel> &kernels) {
  for (Kernel &kernel : kernels) kernel.triangle.reset();
}

} // namespace nnc::codegen
