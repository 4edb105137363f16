#include "codegen/lane_choice.h"

#include <algorithm>

namespace nnc::codegen {
namespace {

/// No lanes lie along an inner axis as short as that of a pool's window.
constexpr int64_t shortest = 8;

/// An axis, and the values that differ from point to point of it.
struct Along {
  size_t axis;
  std::vector<bool> moves;
};

Along along(const Kernel &kernel, size_t axis) {
  std::vector<bool> moves;
  for (const Instruction &value : kernel.values) {
    bool is_moving =
        !stride_of(value.access, axis).is_zero() || (value.code == Code::axis && value.axis == static_cast<int>(axis));
    for (ValueId operand : value.operands) is_moving = is_moving || moves[operand];
    for (const auto &[index, stride] : value.access.indirect) is_moving = is_moving || moves[index];
    moves.push_back(is_moving);
  }
  return {axis, std::move(moves)};
}

/// Accesses of a stage that are no vectors along an axis.
int gathers(const Kernel &kernel, const Stage &stage, const Along &along) {
  return static_cast<int>(std::count_if(stage.code.begin(), stage.code.end(), [&](ValueId id) {
    const Instruction &value = kernel.values[id];
    if (value.code != Code::load && value.code != Code::store && value.code != Code::store_add) return false;
    const Size stride = stride_of(value.access, along.axis);
    const auto &indirect = value.access.indirect;
    return !(stride.is_zero() || stride == Size(1)) ||
           std::any_of(indirect.begin(), indirect.end(), [&](const auto &index) { return along.moves[index.first]; });
  }));
}

} // namespace

Lanes lanes_of(const Kernel &kernel, Lanes preferred) {
  int outer = 0, inner = 0;
  const Size *last = nullptr; // of the inner axes
  for (const Stage &stage : kernel.stages) {
    if (stage.axes.empty()) continue; // once for many inner points
    last = &stage.axes.back();
    if (!kernel.axes.empty()) outer += gathers(kernel, stage, along(kernel, kernel.axes.size() - 1));
    inner += gathers(kernel, stage, along(kernel, kernel.axes.size() + stage.axes.size() - 1));
  }
  if (!last) return Lanes::outer;
  if (kernel.axes.empty()) return Lanes::inner;
  if (last->is_constant() && last->c[0] < shortest) return Lanes::outer;
  return outer == inner ? preferred : outer < inner ? Lanes::outer : Lanes::inner;
}

} // namespace nnc::codegen
