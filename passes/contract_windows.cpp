// The derivative of a convolution is a convolution: Σ over i, p with r = s·i + p of dy[i]·w[p] is Σ_p dy[(r - p)/s]·w[p], where dy is 0 between and beyond its
// elements. Whatever the axes, strides and groups: only factors that have the axis which the result takes the place of are read at other places.

#include "passes/contract.h"
#include "passes/rewrite.h"

#include "ir/family.h"
#include "ir/window_sum.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

/// The part without transposes and broadcasts around it; a constant that is the same everywhere has no axes then.
Part stripped(const Function &f, Part part) {
  for (;;) {
    const Node &node = f[part.node];
    if (node.op != Op::broadcast && node.op != Op::transpose) return part;
    const Axes &axes = attributes<AxesAttributes>(f, part.node).axes;
    Axes inner(axes.size());
    for (size_t k = 0; k < axes.size(); ++k)
      node.op == Op::broadcast ? inner[k] = part.axes[axes[k]] : inner[axes[k]] = part.axes[k];
    part = {node.operands[0], std::move(inner)};
  }
}

/// Whether it is made of tensors that are the same along some axes, and of numbers of an axis.
bool is_narrow(const Function &f, NodeId id) {
  const Node &node = f[id];
  if (node.op == Op::broadcast || node.op == Op::iota || splat(f, id)) return true;
  return std::holds_alternative<ScalarBody>(record(node.op).kernel) &&
         std::all_of(node.operands.begin(), node.operands.end(), [&](NodeId operand) { return is_narrow(f, operand); });
}

/// Of a part that is 0 but where narrower tensors choose another, that other; else nothing. The gradient of a pool is such a part.
std::optional<Part> chosen(const Function &f, const Part &part) {
  const Node &node = f[part.node];
  if (node.op != Op::select || splat(f, node.operands[2]) != 0 || !is_narrow(f, node.operands[0])) return std::nullopt;
  return stripped(f, {node.operands[1], part.axes});
}

/// The factors of x. Axes that are summed within it are numbered first, then its own.
struct Product {
  std::vector<Part> factors;
  Shape dims;
  size_t summed = 0;

  Product(const Function &f, NodeId x) : dims(f.type(x).dims) {
    Part whole = stripped(f, {x, all_axes(f.type(x).rank())});
    const Node &node = f[whole.node];
    if (node.op == Op::dot)
      dot(f, std::move(whole));
    else if (node.op == Op::mul || node.op == Op::zmul)
      for (NodeId operand : node.operands) factors.push_back(stripped(f, {operand, whole.axes}));
    else
      factors.push_back(whole);
  }

  /// How many factors are 0 beyond the ends of the axis, because what they have of it is read with zeros around.
  int uses(const Function &f, int64_t axis) const {
    return static_cast<int>(std::count_if(factors.begin(), factors.end(), [&](Part part) {
      while (auto inner = chosen(f, part)) part = *inner;
      return std::find(part.axes.begin(), part.axes.end(), axis) != part.axes.end();
    }));
  }

private:
  /// The dot's result has its batch axes, the left free ones, the right free ones.
  void dot(const Function &f, Part whole) {
    const auto &d = attributes<DotAttributes>(f, whole.node);
    const std::vector<NodeId> &operands = f[whole.node].operands;
    summed = d.left_contract.size();
    for (size_t k = summed; k-- > 0;) dims.insert(dims.begin(), f.type(operands[0]).dims[d.left_contract[k]]);
    for (int64_t &axis : whole.axes) axis += static_cast<int64_t>(summed);
    size_t next = d.left_batch.size();
    for (size_t i : {0, 1}) {
      const Axes &batch = i == 0 ? d.left_batch : d.right_batch, &contract = i == 0 ? d.left_contract : d.right_contract;
      Axes axes(f.type(operands[i]).rank(), -1);
      for (size_t k = 0; k < batch.size(); ++k) axes[batch[k]] = whole.axes[k];
      for (size_t k = 0; k < contract.size(); ++k) axes[contract[k]] = static_cast<int64_t>(k);
      for (int64_t &axis : axes)
        if (axis < 0) axis = whole.axes[next++];
      factors.push_back(stripped(f, {operands[i], std::move(axes)}));
    }
  }
};

/// Factors in the space of the sum.
class Reading {
public:
  Reading(Builder &b, const WindowSum &sum) : b(b), sum(sum) {}

  /// A factor, 0 where the sum has no element of it. One that chooses by narrower tensors is read by reading those.
  Part factor(const Part &part) {
    const auto inner = chosen(b.function(), part);
    if (!inner) return sum.read(b, part);
    const Elem elem = b.type(part.node).elem;
    Part condition = anything({b.function()[part.node].operands[0], part.axes}), value = factor(*inner);
    return combined({condition, value}, [&](const std::vector<NodeId> &x, const Shape &dims) {
      return b.select(x[0], x[1], b.constant({elem, dims}, 0));
    });
  }

  NodeId spread(const Part &part, const Axes &axes, const Shape &dims) {
    Axes places;
    for (int64_t axis : part.axes) places.push_back(std::find(axes.begin(), axes.end(), axis) - axes.begin());
    return b.type(part.node).dims == dims ? part.node : b.broadcast(part.node, dims, places);
  }

private:
  Builder &b;
  const WindowSum &sum;

  /// A part that may be anything where the sum has no element of it.
  Part anything(Part part) {
    part = stripped(b.function(), part);
    const Node node = b.function()[part.node];
    if (auto value = splat(b.function(), part.node)) return {b.constant({node.type.elem, {}}, *value), {}};
    if (node.op == Op::iota) {
      const int64_t k = attributes<AxesAttributes>(b.function(), part.node).axes[0], axis = part.axes[k];
      NodeId numbers = b.iota({node.type.dims[k]}, 0);
      return sum.read(b, {numbers, {axis}});
    }
    if (!std::holds_alternative<ScalarBody>(record(node.op).kernel)) return sum.read(b, part);
    std::vector<Part> operands;
    for (NodeId operand : node.operands) operands.push_back(anything({operand, part.axes}));
    return combined(operands, [&](const std::vector<NodeId> &x, const Shape &dims) {
      const Type type{node.type.elem, dims};
      return b.add_node(node.op, x, node.attributes, record(node.op).declared_type ? &type : nullptr);
    });
  }

  /// The parts with all their axes, made one.
  template <typename F> Part combined(const std::vector<Part> &parts, F &&make) {
    Axes axes;
    for (const Part &part : parts) axes.insert(axes.end(), part.axes.begin(), part.axes.end());
    std::sort(axes.begin(), axes.end());
    axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
    Shape dims;
    for (int64_t axis : axes) dims.push_back(sum.space()[axis]);
    std::vector<NodeId> operands;
    for (const Part &part : parts) operands.push_back(spread(part, axes, dims));
    return {make(operands, dims), axes};
  }
};

} // namespace

NodeId sum_of_windows(Builder &b, NodeId id) {
  WindowAttributes w = attributes<WindowAttributes>(b.function(), id);
  const NodeId x = b.function()[id].operands[0];
  const Shape result = b.type(id).dims;
  const Product product(b.function(), x);
  // The axes that are summed within x are in no coefficient.
  const size_t rank = b.type(x).dims.size();
  std::vector<int64_t> coefficient;
  for (size_t r = 0; r < result.size(); ++r) {
    coefficient.insert(coefficient.end(), product.summed, 0);
    coefficient.insert(coefficient.end(), w.coefficient.begin() + r * rank, w.coefficient.begin() + (r + 1) * rank);
  }
  w.coefficient = std::move(coefficient);
  auto sum =
      WindowSum::of({b.type(id).elem, product.dims}, w, result, [&](int64_t axis) { return product.uses(b.function(), axis); });
  if (!sum) return no_node;
  Reading reading(b, *sum);
  const Axes all = all_axes(static_cast<int>(sum->space().size()));
  NodeId term = no_node;
  for (const Part &part : product.factors) {
    NodeId factor = reading.spread(reading.factor(part), all, sum->space());
    term = term == no_node ? factor : b.mul(term, factor);
  }
  return sum->summed().empty() ? term : b.reduce(ReduceKind::add, term, sum->summed());
}

} // namespace nnc::passes
