// Σ_j (e[i, j] / s[i])·v[j, c] = (Σ_j e[i, j]·v[j, c]) / s[i], and Σ_i (e[i, j] / s[i])·g[i, c] = Σ_i e[i, j]·(g[i, c] / s[i]): the weights of an
// attention, which are many, need not be made of their numerators.

#include "passes/contract.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

bool holds(const Axes &axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }
int64_t place(const Axes &axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) - axes.begin(); }

/// A dot's operands, from the one that is a quotient to the other.
struct Sides {
  Axes batch, contract, other_batch, other_contract;
  Axes free;         // of the quotient
  int64_t first = 0; // of its free axes in the result

  int64_t in_result(int64_t axis) const { return holds(batch, axis) ? place(batch, axis) : first + place(free, axis); }
  int64_t in_other(int64_t axis) const {
    return holds(batch, axis) ? other_batch[place(batch, axis)] : other_contract[place(contract, axis)];
  }
};

Sides sides(const Function &f, NodeId id, size_t quotient) {
  const auto &d = attributes<DotAttributes>(f, id);
  Sides s{d.left_batch, d.left_contract, d.right_batch, d.right_contract, {}, static_cast<int64_t>(d.left_batch.size())};
  auto free = [&](size_t i, const Axes &batch, const Axes &contract) {
    Axes taken = batch;
    taken.insert(taken.end(), contract.begin(), contract.end());
    return other_axes(taken, f.type(f[id].operands[i]).rank());
  };
  if (quotient == 1) {
    s.first += static_cast<int64_t>(free(0, s.batch, s.contract).size());
    std::swap(s.batch, s.other_batch), std::swap(s.contract, s.other_contract);
  }
  s.free = free(quotient, s.batch, s.contract);
  return s;
}

/// x / (`divisor` with its axis i at `axes[i]`).
NodeId divided(Builder &b, NodeId x, NodeId divisor, const Axes &axes) {
  Axes order = all_axes(static_cast<int>(axes.size())), sorted = axes;
  std::sort(order.begin(), order.end(), [&](int64_t i, int64_t k) { return axes[i] < axes[k]; });
  std::sort(sorted.begin(), sorted.end());
  if (!std::is_sorted(axes.begin(), axes.end())) divisor = b.transpose(divisor, order);
  return b.div(x, b.broadcast(divisor, b.type(x).dims, sorted));
}

} // namespace

NodeId dot_of_quotient(Builder &b, NodeId id) {
  for (size_t i : {0, 1}) {
    const NodeId quotient = b.function()[id].operands[i], other = b.function()[id].operands[1 - i];
    if (b.function()[quotient].op != Op::div) continue;
    const NodeId numerator = b.function()[quotient].operands[0], spread = b.function()[quotient].operands[1];
    if (b.function()[spread].op != Op::broadcast || !at_most_one(b.function(), numerator)) continue;
    const Axes own = attributes<AxesAttributes>(b.function(), spread).axes; // of the quotient's, along which the divisor differs
    const NodeId divisor = b.function()[spread].operands[0];
    const Sides s = sides(b.function(), id, i);
    const auto d = attributes<DotAttributes>(b.function(), id);
    auto with = [&](NodeId mine, NodeId others) { return i == 0 ? b.dot(mine, others, d) : b.dot(others, mine, d); };
    Axes axes;
    if (std::none_of(own.begin(), own.end(), [&](int64_t axis) { return holds(s.contract, axis); })) {
      for (int64_t axis : own) axes.push_back(s.in_result(axis));
      return divided(b, with(numerator, other), divisor, axes);
    }
    const bool fits = std::none_of(own.begin(), own.end(), [&](int64_t axis) { return holds(s.free, axis); });
    if (!fits || usual_elements(b.type(other).dims) >= usual_elements(b.type(quotient).dims)) continue;
    for (int64_t axis : own) axes.push_back(s.in_other(axis));
    return with(numerator, divided(b, other, divisor, axes));
  }
  return no_node;
}

} // namespace nnc::passes
