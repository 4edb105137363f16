#include "codegen/count_through.h"

#include "ir/type.h"

#include <optional>

namespace nnc::codegen {
namespace {

/// A value that is `factor` times the number of a point in the axes [first, last], in row-major order.
struct Count {
  int first = 0, last = 0;
  Size factor = 1;
};

class Counting {
public:
  explicit Counting(Kernel &kernel) : kernel_(kernel), counts_(kernel.values.size()) {}

  /// Rewrites the kernel where it can.
  void run() {
    if (kernel_.axes.size() < 2) return;
    for (const Stage &stage : kernel_.stages)
      if (!stage.axes.empty()) return;
    for (const Stage &stage : kernel_.stages)
      for (ValueId id : stage.code)
        if (!find(id)) return;
    for (Stage &stage : kernel_.stages)
      std::erase_if(stage.code, [&](ValueId id) { return counts_[id] && !is_whole(*counts_[id]); });
    for (size_t id = 0; id < counts_.size(); ++id)
      if (counts_[id] && is_whole(*counts_[id]))
        kernel_.values[id] = instruction(Code::axis, ir::Elem::i32, kernel_.values[id].place);
    for (Instruction &value : kernel_.values) {
      std::vector<Size> &strides = value.access.strides;
      strides.resize(kernel_.axes.size());
      strides = {strides.back()};
      if (strides.back().is_zero()) strides.clear();
    }
    kernel_.axes = {points(0, static_cast<int>(kernel_.axes.size()) - 1)};
  }

private:
  Size points(int first, int last) const {
    Size product = 1;
    for (int axis = first; axis <= last; ++axis) product = product * kernel_.axes[axis];
    return product;
  }
  bool is_whole(const Count &count) const {
    return count.first == 0 && count.last + 1 == static_cast<int>(kernel_.axes.size()) && count.factor == Size(1);
  }
  std::optional<Size> constant(ValueId id) const {
    const Instruction &value = kernel_.values[id];
    if (value.code != Code::constant || value.elem != ir::Elem::i32) return std::nullopt;
    return Size(static_cast<int64_t>(value.value));
  }

  /// What a product or sum counts, if it does.
  std::optional<Count> count_of(const Instruction &value) const {
    if (value.code != Code::scalar || value.elem != ir::Elem::i32 || value.operands.size() != 2) return std::nullopt;
    for (int k = 0; k < 2; ++k) {
      const std::optional<Count> &one = counts_[value.operands[k]], &other = counts_[value.operands[1 - k]];
      std::optional<Size> number = constant(value.operands[1 - k]);
      if (!one) continue;
      if (value.op == ir::Op::mul && number) return Count{one->first, one->last, one->factor * *number};
      if (value.op != ir::Op::add) continue;
      if (number && number->is_zero()) return one;
      if (other && other->first == one->last + 1 && other->factor == Size(1) && one->factor == points(other->first, other->last))
        return Count{one->first, other->last};
    }
    return std::nullopt;
  }

  /// Whether the instruction allows it.
  bool find(ValueId id) {
    const Instruction &value = kernel_.values[id];
    if (value.code == Code::axis) {
      counts_[id] = {value.axis, value.axis, 1};
      return true;
    }
    if ((counts_[id] = count_of(value))) return true;
    auto may_use = [&](ValueId used) { return !counts_[used] || is_whole(*counts_[used]); };
    for (ValueId operand : value.operands)
      if (!may_use(operand)) return false;
    for (const auto &[index, stride] : value.access.indirect)
      if (!may_use(index)) return false;
    std::vector<Size> strides = value.access.strides;
    strides.resize(kernel_.axes.size());
    for (size_t axis = 0; axis + 1 < strides.size(); ++axis)
      if (!(strides[axis] == kernel_.axes[axis + 1] * strides[axis + 1])) return false;
    return true;
  }

  Kernel &kernel_;
  std::vector<std::optional<Count>> counts_; // by value
};

} // namespace

Kernel count_through(Kernel kernel) {
  Counting(kernel).run();
  return kernel;
}

} // namespace nnc::codegen
