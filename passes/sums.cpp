// Plain sums, those that no contraction took. Sums of sums are taken apart anew, so that the inner ones read memory as it lies; and a sum of what is
// linear in things whose own sums are at hand is made of these: the gradient of a mean, of a variance, of what is added before either. A variance over
// examples is taken about the mean of each, which is known once the example has been read, and so needs no second pass over all.

#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <algorithm>
#include <optional>
#include <set>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

bool holds(const Axes &axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }

bool is_sum(const Function &f, NodeId id) {
  return f[id].op == Op::reduce && attributes<ReduceAttributes>(f, id).kind == ReduceKind::add;
}

bool holds_batch(const Axes &axes, const Shape &dims) {
  return std::any_of(axes.begin(), axes.end(), [&](int64_t axis) { return dims[axis].batch; });
}

Axes within_examples(const Axes &axes, const Shape &dims) {
  Axes within;
  for (int64_t axis : axes)
    if (!dims[axis].batch) within.push_back(axis);
  return within;
}

/// Where those of `some` that are among `all` stand there.
Axes places(const Axes &some, const Axes &all) {
  Axes result;
  for (int64_t axis : some)
    if (holds(all, axis)) result.push_back(std::find(all.begin(), all.end(), axis) - all.begin());
  return result;
}

/// A sum of a sum that nothing else reads, over examples and more, is one over the axes of both.
Function merge_sums(Function f) {
  std::vector<int> uses(f.nodes.size(), 0);
  for (const Node &node : f.nodes)
    for (NodeId operand : node.operands) ++uses[operand];
  for (const Output &output : f.outputs) ++uses[output.node];
  for (NodeId id = 0; id < f.nodes.size(); ++id) {
    if (!is_sum(f, id) || !is_sum(f, f[id].operands[0]) || uses[f[id].operands[0]] > 1) continue;
    const NodeId inner = f[id].operands[0], x = f[inner].operands[0];
    Axes axes = attributes<ReduceAttributes>(f, inner).axes;
    const Axes kept = other_axes(axes, f.type(x).rank());
    for (int64_t axis : attributes<ReduceAttributes>(f, id).axes) axes.push_back(kept[axis]);
    std::sort(axes.begin(), axes.end());
    if (!holds_batch(axes, f.type(x).dims)) continue;
    f.nodes[id].operands = {x};
    f.nodes[id].attributes = ReduceAttributes{ReduceKind::add, axes};
  }
  return without_dead_nodes(std::move(f));
}

/// Within each example first: that is how it lies in memory, and examples are what threads share.
NodeId examples_last(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  const NodeId x = b.function()[id].operands[0];
  const Shape dims = b.type(x).dims;
  if (kind != ReduceKind::add || !holds_batch(axes, dims)) return no_node;
  const Axes within = within_examples(axes, dims);
  if (within.empty()) return no_node;
  const Axes left = other_axes(within, static_cast<int>(dims.size()));
  return b.reduce(kind, b.reduce(kind, x, within), places(axes, left));
}

/// What a sum over some axes is made of, if that is linear: nodes whose sums are at hand, and terms that are the same along the axes.
///
/// Σ (x + c) over N elements is Σ x + N·c. Where c is far from x that is as good; where it cancels x it is only as good as Σ x is, so c is to be made of
/// that very sum, as in x - Σ x / N: then c itself is no better than that. For the same reason of the nodes at most one may have no such term beside it: a
/// difference of two whose sums are both at hand stays one.
class Sum {
public:
  Sum(Builder &b, Axes axes, const Shape &dims) : b(b), axes(std::move(axes)), dims(dims) {
    kept = other_axes(this->axes, static_cast<int>(dims.size()));
    for (int64_t axis : kept) kept_dims.push_back(dims[axis]);
    for (NodeId id = 0; id < b.function().nodes.size(); ++id)
      if (is_sum(b.function(), id) && attributes<ReduceAttributes>(b.function(), id).axes == this->axes)
        sums.emplace_back(b.function()[id].operands[0], id);
  }

  NodeId of(NodeId x) {
    if (!is_linear(x) || leaves.empty() || !is_centred()) return no_node;
    return sum(x);
  }

  /// Σ (y - c)² over examples and within each, where c is made of Σ y: with m the mean of y within an example, n elements of it, and Σ within it
  ///   Σ (y - c)² = Σ (y - m)² + (m - c)·(2·Σ (y - m) + n·(m - c)),
  /// whatever m is rounded to. The terms hardly cancel: m differs from c by less than the elements do. (Chan, Golub, LeVeque 1983.)
  NodeId of_squares(NodeId x) {
    const Axes within = within_examples(axes, dims);
    const Node square = b.function()[x];
    if (within.empty() || within.size() == axes.size() || square.op != Op::mul || square.operands[0] != square.operands[1])
      return no_node;
    const Node difference = b.function()[square.operands[0]];
    if (difference.op != Op::sub || !is_same_along(difference.operands[1])) return no_node;
    const NodeId y = difference.operands[0], whole = sum_at_hand(y);
    if (whole == no_node || !depends(difference.operands[1], whole)) return no_node;

    double count = 1;
    for (int64_t axis : within) count *= static_cast<double>(dims[axis].count);
    const NodeId total = b.reduce(ReduceKind::add, y, within), mean = b.mul(total, b.like(total, 1 / count));
    const Axes left = other_axes(within, static_cast<int>(dims.size()));
    const NodeId about = b.sub(y, b.broadcast(mean, dims, left));
    const NodeId rest = b.reduce(ReduceKind::add, about, within);
    const NodeId squares = b.reduce(ReduceKind::add, b.mul(about, about), within);
    const NodeId far = b.sub(mean, narrowed(difference.operands[1], left));
    const NodeId twice = b.add(b.mul(b.like(rest, 2), rest), b.mul(b.like(far, count), far));
    return b.reduce(ReduceKind::add, b.add(squares, b.mul(far, twice)), places(axes, left));
  }

private:
  bool is_same_along(NodeId x) const {
    const Function &f = b.function();
    if (splat(f, x)) return true;
    if (f[x].op != Op::broadcast) return false;
    const Axes &own = attributes<AxesAttributes>(f, x).axes;
    return std::none_of(own.begin(), own.end(), [&](int64_t axis) { return holds(axes, axis); });
  }

  NodeId sum_at_hand(NodeId x) const {
    for (auto [node, sum] : sums)
      if (node == x) return sum;
    return no_node;
  }

  /// Whether x can be taken apart; its parts are then added to what is known of the sum. What is at hand only as a whole is a part.
  bool is_linear(NodeId x, int depth = 0) {
    const size_t leaves_before = leaves.size(), constants_before = constants.size();
    const Node node = b.function()[x];
    auto operand = [&](size_t i) { return is_linear(node.operands[i], depth + 1); };
    bool linear = false;
    if (is_same_along(x)) {
      constants.push_back(x);
      return true;
    }
    if (depth < 12) {
      if (node.op == Op::neg) linear = operand(0);
      if (node.op == Op::add || node.op == Op::sub) linear = operand(0) && operand(1);
      if (node.op == Op::mul || node.op == Op::zmul)
        linear = is_same_along(node.operands[0]) ? operand(1) : is_same_along(node.operands[1]) && operand(0);
    }
    if (linear) return true;
    leaves.resize(leaves_before), constants.resize(constants_before);
    if (depth == 0 || sum_at_hand(x) == no_node) return false;
    leaves.push_back(x);
    return true;
  }

  bool depends(NodeId id, NodeId on) const {
    std::set<NodeId> seen;
    std::vector<NodeId> work = {id};
    while (!work.empty()) {
      const NodeId next = work.back();
      work.pop_back();
      if (next == on) return true;
      if (next < on || !seen.insert(next).second) continue;
      for (NodeId operand : b.function()[next].operands) work.push_back(operand);
    }
    return false;
  }

  bool is_centred() const {
    std::set<NodeId> alone(leaves.begin(), leaves.end());
    for (NodeId constant : constants) {
      bool is_made_of_one = false;
      for (NodeId leaf : leaves)
        if (depends(constant, sum_at_hand(leaf))) alone.erase(leaf), is_made_of_one = true;
      if (!is_made_of_one) return false;
    }
    return alone.size() <= 1;
  }

  /// What is the same along the axes, with the axes `left` of those that it has.
  NodeId narrowed(NodeId x, const Axes &left) {
    Shape shape;
    for (int64_t axis : left) shape.push_back(dims[axis]);
    if (auto value = splat(b.function(), x)) return b.constant({b.type(x).elem, shape}, *value);
    const NodeId inner = b.function()[x].operands[0];
    const Axes own = attributes<AxesAttributes>(b.function(), x).axes;
    return b.type(inner).dims == shape ? inner : b.broadcast(inner, shape, places(own, left));
  }
  NodeId narrowed(NodeId x) { return narrowed(x, kept); }

  NodeId sum(NodeId x) {
    const Node node = b.function()[x];
    if (is_same_along(x)) return b.mul(elements(node.type.elem), narrowed(x));
    if (std::find(leaves.begin(), leaves.end(), x) != leaves.end()) return sum_at_hand(x);
    if (node.op == Op::neg) return b.neg(sum(node.operands[0]));
    auto part = [&](size_t i, bool is_factor) { return is_factor ? narrowed(node.operands[i]) : sum(node.operands[i]); };
    const bool is_product = node.op == Op::mul || node.op == Op::zmul, left = is_product && is_same_along(node.operands[0]);
    const NodeId first = part(0, left), second = part(1, is_product && !left);
    return b.binary(node.op, first, second);
  }

  /// How many are summed, in each place that stays.
  NodeId elements(Elem elem) {
    double count = 1;
    for (int64_t axis : axes) count *= static_cast<double>(dims[axis].count);
    NodeId number = b.constant({elem, {}}, count);
    for (int64_t axis : axes)
      if (dims[axis].batch) number = b.mul(number, examples(elem));
    return kept_dims.empty() ? number : b.broadcast(number, kept_dims, {});
  }

  NodeId examples(Elem elem) {
    for (const Input &input : b.function().inputs)
      if (input.kind == InputKind::examples) return b.convert(input.node, elem);
    return b.reduce(ReduceKind::add, b.constant({elem, {{1, true}}}, 1), {0});
  }

  Builder &b;
  Axes axes, kept;
  Shape dims, kept_dims;
  std::vector<std::pair<NodeId, NodeId>> sums; // over the axes: what is summed, and the sum
  std::vector<NodeId> leaves, constants;       // parts: those with a sum at hand, those that are the same along the axes
};

NodeId linear_sum(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  const NodeId x = b.function()[id].operands[0];
  if (kind != ReduceKind::add || axes.empty() || !is_float(b.type(id).elem)) return no_node;
  return Sum(b, axes, b.type(x).dims).of(x);
}

NodeId sum_of_squares(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  const NodeId x = b.function()[id].operands[0];
  if (kind != ReduceKind::add || !is_float(b.type(id).elem) || b.function()[x].op != Op::mul) return no_node;
  return Sum(b, axes, b.type(x).dims).of_squares(x);
}

constexpr Rule made_of_others[] = {{Op::reduce, "made of other sums", linear_sum}};
constexpr Rule about_means[] = {{Op::reduce, "squares about a mean", sum_of_squares}};
constexpr Rule taken_apart[] = {{Op::reduce, "examples last", examples_last}};

} // namespace

Function sums(Function function) {
  function = merge_sums(std::move(function));
  for (std::span<const Rule> rules : {std::span(made_of_others), std::span(about_means), std::span(taken_apart)})
    function = rewrite(std::move(function), rules);
  return function;
}

} // namespace nnc::passes
