// Sums of products are contractions: Σ_k a[…k…]·b[…k…] becomes a dot, also where differentiation or index notation made it. By rule 19
// of SEMANTICS a zmul under a sum counts as a product.

#include "passes/contract.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <algorithm>
#include <cmath>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

/// How a factor that leaves the sum multiplies it: `gradient` factors make 0 where they are 0, whatever the sum is.
enum class Role { plain, gradient, derivative };

/// One factor of the product: `node` has the axes `axes` (ascending) of the product.
struct Factor {
  NodeId node;
  Axes axes;
  Role role;
  bool divides = false; // the product has 1/node
};

bool holds(const Axes &axes, int64_t axis) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); }
bool within(const Axes &some, const Axes &all) { return std::includes(all.begin(), all.end(), some.begin(), some.end()); }

Axes picked(const Axes &axes, auto &&wanted) {
  Axes result;
  for (int64_t axis : axes)
    if (wanted(axis)) result.push_back(axis);
  return result;
}

/// Where `some` stand in `all`.
Axes positions(const Axes &some, const Axes &all) {
  Axes result;
  for (int64_t axis : some) result.push_back(std::find(all.begin(), all.end(), axis) - all.begin());
  return result;
}

/// The factor without broadcasts around it.
Factor stripped(const Function &f, Factor factor) {
  while (f[factor.node].op == Op::broadcast) {
    Axes axes;
    for (int64_t axis : attributes<AxesAttributes>(f, factor.node).axes) axes.push_back(factor.axes[axis]);
    factor = {f[factor.node].operands[0], std::move(axes), factor.role, factor.divides};
  }
  if (splat(f, factor.node)) factor.axes.clear();
  return factor;
}

bool is_product(const Function &f, NodeId id) { return f[id].op == Op::mul || f[id].op == Op::zmul; }

/// The two factors of a product or quotient.
std::pair<Factor, Factor> split(const Function &f, const Factor &product) {
  bool zmul = f[product.node].op == Op::zmul && product.role == Role::plain, div = f[product.node].op == Op::div;
  auto side = [&](size_t i, Role role) {
    return stripped(f, {f[product.node].operands[i], product.axes, zmul ? role : product.role, div && i == 1});
  };
  return {side(0, Role::gradient), side(1, Role::derivative)};
}

/// Whether the product's factors are divided by something of fewer axes, which may be done to less: behind the sum, or to the smaller factor.
/// A sum of what was not divided yet may be too large for a float, so the divisor is a moderate constant or what is divided is at most 1.
bool is_late_quotient(const Function &f, const Factor &factor) {
  if (f[factor.node].op != Op::div || factor.divides) return false;
  auto [numerator, divisor] = split(f, factor);
  if (auto value = splat(f, divisor.node)) return std::fabs(*value) < 0x1p16 && std::fabs(*value) > 0x1p-16;
  return divisor.axes.size() < factor.axes.size() && at_most_one(f, f[factor.node].operands[0]);
}

/// The sum of a product over `reduced`, under way to a dot.
class Contraction {
public:
  Contraction(Builder &b, NodeId product, Axes reduced)
      : b(b), dims(b.type(product).dims), reduced(std::move(reduced)), elem(b.type(product).elem),
        factors{{product, all_axes(static_cast<int>(dims.size())), Role::plain}} {
    if (is_product(b.function(), product)) expand(factors.begin());
    for (int expansions = 0; expansions < 8; ++expansions) {
      auto late =
          std::find_if(factors.begin(), factors.end(), [&](const Factor &f) { return is_late_quotient(b.function(), f); });
      if (late == factors.end()) break;
      expand(late);
    }
  }

  /// The dot, or a sum with fewer factors, or no_node: where all are alike, a plain sum fuses with what it sums.
  NodeId build() {
    for (int expansions = 0; expansions < 8; ++expansions) {
      if (group()) return finish();
      auto product = std::find_if(factors.begin(), factors.end(),
                                  [&](const Factor &f) { return is_product(b.function(), f.node) && !f.divides; });
      if (product == factors.end()) return factored();
      expand(product);
    }
    return no_node;
  }

private:
  using Place = std::vector<Factor>::iterator;
  void expand(Place product) {
    auto [left, right] = split(b.function(), *product);
    *product = left;
    factors.insert(product + 1, right);
  }

  /// A sum of factors of which one has all axes, times and divided by those that leave it once: sums that differ in these alone become one.
  NodeId factored() {
    auto whole = std::find_if(groups.begin(), groups.end(), [&](const auto &g) { return g[0].axes.size() == dims.size(); });
    if (outside.empty() || whole == groups.end()) return no_node;
    std::vector<Factor> inside = *whole;
    for (auto group = groups.begin(); group != groups.end(); ++group)
      if (group != whole) inside.insert(inside.end(), group->begin(), group->end());
    NodeId sum = b.reduce(ReduceKind::add, product_of(inside), reduced);
    return scaled({sum, other_axes(reduced, static_cast<int>(dims.size())), Role::plain});
  }

  Builder &b;
  Shape dims; // of the product
  Axes reduced;
  Elem elem;
  std::vector<Factor> factors;
  std::vector<Factor> outside;             // without a reduced axis
  std::vector<std::vector<Factor>> groups; // the first of each has all its axes

  /// Sorts the factors into those that leave the sum and groups of equal axes; true where two groups are left that contract all axes.
  bool group() {
    outside.clear(), groups.clear();
    for (const Factor &factor : factors) {
      if (picked(factor.axes, [&](int64_t axis) { return holds(reduced, axis); }).empty()) {
        outside.push_back(factor);
        continue;
      }
      auto same = std::find_if(groups.begin(), groups.end(), [&](const auto &g) { return g[0].axes == factor.axes; });
      if (same == groups.end())
        groups.push_back({factor});
      else
        same->push_back(factor);
    }
    while (groups.size() > 2 && merge_smaller()) {
    }
    if (groups.size() != 2) return false;
    const Axes &left = groups[0][0].axes, &right = groups[1][0].axes;
    return within(reduced, left) && within(reduced, right) && worthwhile(left, right);
  }

  /// Puts one group into the smallest that has all its axes and more.
  bool merge_smaller() {
    for (size_t i = 0; i < groups.size(); ++i) {
      size_t best = i;
      for (size_t k = 0; k < groups.size(); ++k)
        if (i != k && within(groups[i][0].axes, groups[k][0].axes) &&
            (best == i || points(groups[k][0].axes) < points(groups[best][0].axes)))
          best = k;
      if (best == i) continue;
      groups[best].insert(groups[best].end(), groups[i].begin(), groups[i].end());
      groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  }

  /// Of the axes, a mini-batch taken for that of an ordinary size.
  double points(const Axes &axes) const {
    double count = 1;
    for (int64_t axis : axes) count *= static_cast<double>(dims[axis].at(usual_examples));
    return count;
  }

  /// A matrix product is. A matrix by a vector reads the matrix once either way, so it stays a sum where that fuses with elementwise work.
  bool worthwhile(const Axes &left, const Axes &right) const {
    bool left_free = !within(left, right), right_free = !within(right, left);
    if (left_free && right_free) return true;
    auto stored = [&](const std::vector<Factor> &g) {
      return g.size() == 1 && !std::holds_alternative<ScalarBody>(record(b.function()[g[0].node].op).kernel);
    };
    return (left_free || right_free) && stored(groups[0]) && stored(groups[1]);
  }

  NodeId spread(const Factor &factor, const Axes &axes) {
    Shape shape;
    for (int64_t axis : axes) shape.push_back(dims[axis]);
    if (auto value = splat(b.function(), factor.node)) return b.constant({elem, shape}, *value);
    return factor.axes == axes ? factor.node : b.broadcast(factor.node, shape, positions(factor.axes, axes));
  }

  NodeId product_of(const std::vector<Factor> &group) {
    NodeId result = group[0].divides ? b.div(b.like(group[0].node, 1), group[0].node) : group[0].node;
    for (size_t i = 1; i < group.size(); ++i) {
      NodeId factor = spread(group[i], group[0].axes);
      result = group[i].divides ? b.div(result, factor) : b.mul(result, factor);
    }
    return result;
  }

  /// Axes that one operand is to be repeated along. The result has the axes of both operands first, then those of one, then those of the other; where its
  /// order is another, as in y[b, o, i, j] = Σ w[o, …]·x[b, …, i, j], the outer axes of one can be taken for axes of both. That costs no memory, and is
  /// done where what is left is a product of decent size, or a convolution, which reads its window over and over.
  Axes repeated(NodeId left, const Axes &left_axes, NodeId right, const Axes &right_axes) const {
    Axes kept = other_axes(reduced, static_cast<int>(dims.size()));
    auto side = [&](int64_t axis) { return holds(left_axes, axis) - holds(right_axes, axis); }; // 0: both
    Axes rest = picked(kept, [&](int64_t axis) { return side(axis) != 0; });
    size_t batch = kept.size() - rest.size(), changes = 0;
    for (size_t i = 0; i + 1 < rest.size(); ++i) changes += side(rest[i]) != side(rest[i + 1]);
    if (changes <= 1 && std::equal(rest.begin(), rest.end(), kept.begin() + batch)) return {};
    size_t first = kept.size(); // of the axes that stay of one operand
    for (int turns = 0; first > 0 && side(kept[first - 1]) != 0; --first)
      if (first < kept.size() && side(kept[first - 1]) != side(kept[first]) && ++turns > 1) break;
    Axes promoted = picked(Axes(kept.begin(), kept.begin() + first), [&](int64_t axis) { return side(axis) != 0; });
    int64_t stays[2] = {1, 1};
    for (size_t i = first; i < kept.size(); ++i) stays[side(kept[i]) > 0] *= dims[kept[i]].batch ? 1 : dims[kept[i]].count;
    bool both = stays[0] > 1 && stays[1] > 1;
    bool is_window = b.function()[left].op == Op::window || b.function()[right].op == Op::window;
    return both && (is_window || std::max(stays[0], stays[1]) >= 64) ? promoted : Axes{};
  }

  void repeat(NodeId &node, Axes &axes, int64_t axis) {
    if (holds(axes, axis)) return;
    Axes more = axes;
    more.insert(std::upper_bound(more.begin(), more.end(), axis), axis);
    node = spread({node, axes, Role::plain}, more);
    axes = std::move(more);
  }

  NodeId finish() {
    NodeId left = product_of(groups[0]), right = product_of(groups[1]);
    Axes left_axes = groups[0][0].axes, right_axes = groups[1][0].axes;
    auto summed = [&](int64_t axis) { return holds(reduced, axis); };
    for (int64_t axis : repeated(left, left_axes, right, right_axes)) {
      repeat(left, left_axes, axis);
      repeat(right, right_axes, axis);
    }
    Axes batch = picked(left_axes, [&](int64_t axis) { return !summed(axis) && holds(right_axes, axis); });
    auto order = [&] { // the product's axes as the dot gives them
      Axes axes = batch;
      for (const Axes *side : {&left_axes, &right_axes})
        for (int64_t axis : *side)
          if (!summed(axis) && !holds(batch, axis)) axes.push_back(axis);
      return axes;
    };
    if (Axes axes = order(); !std::is_sorted(axes.begin(), axes.end())) {
      std::swap(left, right), std::swap(left_axes, right_axes);
      if (Axes other = order(); !std::is_sorted(other.begin(), other.end()))
        std::swap(left, right), std::swap(left_axes, right_axes);
    }
    NodeId sum = b.dot(left, right,
                       {positions(batch, left_axes), positions(batch, right_axes), positions(reduced, left_axes),
                        positions(reduced, right_axes)});
    Axes axes = order(), sorted = axes;
    std::sort(sorted.begin(), sorted.end());
    if (axes != sorted) sum = b.transpose(sum, positions(sorted, axes));
    return scaled({sum, sorted, Role::plain});
  }

  /// The sum, broadcast to all axes that stay, times the factors that left it.
  NodeId scaled(const Factor &sum) {
    Axes kept = other_axes(reduced, static_cast<int>(dims.size()));
    NodeId result = spread(sum, kept);
    for (const Factor &factor : outside) {
      NodeId f = spread(factor, kept);
      auto known = splat(b.function(), f);
      if (factor.divides && known)
        f = b.like(f, 1 / *known);
      else if (factor.divides && factor.role != Role::plain)
        f = b.div(b.like(f, 1), f);
      if (factor.role == Role::plain)
        result = factor.divides && !known ? b.div(result, f) : b.mul(result, f);
      else
        result = factor.role == Role::gradient ? b.zmul(f, result) : b.zmul(result, f);
    }
    return result;
  }
};

NodeId sum_of_product(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  NodeId product = b.function()[id].operands[0];
  const Factor whole{product, all_axes(b.type(product).rank()), Role::plain};
  if (kind != ReduceKind::add || axes.empty() || !is_float(b.type(id).elem)) return no_node;
  if (!is_product(b.function(), product) && !is_late_quotient(b.function(), whole)) return no_node;
  return Contraction(b, product, axes).build();
}

/// Σ over batch axes of a dot, whatever the order of its axes, contracts them, too: in the order of the left operand's axes.
NodeId sum_of_dots(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  NodeId dot = b.function()[id].operands[0];
  Axes order = all_axes(b.type(dot).rank()); // of the dot, as they are summed
  if (b.function()[dot].op == Op::transpose) {
    order = attributes<AxesAttributes>(b.function(), dot).axes;
    dot = b.function()[dot].operands[0];
  }
  if (kind != ReduceKind::add || axes.empty() || b.function()[dot].op != Op::dot) return no_node;
  const auto d = attributes<DotAttributes>(b.function(), dot);
  Axes summed, kept;
  for (size_t k = 0; k < order.size(); ++k) (holds(axes, static_cast<int64_t>(k)) ? summed : kept).push_back(order[k]);
  if (*std::max_element(summed.begin(), summed.end()) >= static_cast<int64_t>(d.left_batch.size())) return no_node;

  std::vector<std::pair<int64_t, int64_t>> contracted; // left, right
  for (size_t i = 0; i < d.left_contract.size(); ++i) contracted.emplace_back(d.left_contract[i], d.right_contract[i]);
  DotAttributes made;
  for (size_t i = 0; i < d.left_batch.size(); ++i) {
    if (holds(summed, static_cast<int64_t>(i))) {
      contracted.emplace_back(d.left_batch[i], d.right_batch[i]);
      continue;
    }
    made.left_batch.push_back(d.left_batch[i]), made.right_batch.push_back(d.right_batch[i]);
  }
  std::sort(contracted.begin(), contracted.end());
  for (auto [left, right] : contracted) made.left_contract.push_back(left), made.right_contract.push_back(right);
  const std::vector<NodeId> operands = b.function()[dot].operands;
  NodeId sum = b.dot(operands[0], operands[1], made);
  Axes left = kept; // axes of the first dot that the second has, in its order
  std::sort(left.begin(), left.end());
  return left == kept ? sum : b.transpose(sum, positions(kept, left));
}

/// Σ over batch axes of a scatter_add: they are more axes of its index.
NodeId sum_of_scatters(Builder &b, NodeId id) {
  const auto [kind, axes] = attributes<ReduceAttributes>(b.function(), id);
  const NodeId scatter = b.function()[id].operands[0];
  if (kind != ReduceKind::add || axes.empty() || b.function()[scatter].op != Op::scatter_add) return no_node;
  const auto [batch, size] = attributes<GatherAttributes>(b.function(), scatter);
  if (axes.back() >= batch) return no_node;
  const std::vector<NodeId> operands = b.function()[scatter].operands;
  auto moved = [&](NodeId x) { // the batch axes that stay, those that are summed, the rest
    Axes order = picked(all_axes(static_cast<int>(batch)), [&](int64_t axis) { return !holds(axes, axis); });
    order.insert(order.end(), axes.begin(), axes.end());
    for (int64_t axis = batch; axis < b.type(x).rank(); ++axis) order.push_back(axis);
    return std::is_sorted(order.begin(), order.end()) ? x : b.transpose(x, order);
  };
  const NodeId index = moved(operands[0]), updates = moved(operands[1]);
  return b.scatter_add(index, updates, batch - static_cast<int64_t>(axes.size()), size);
}

/// A dot that contracts nothing is a product of broadcasts, which fuses, and which a sum around it may contract.
NodeId outer_product(Builder &b, NodeId id) {
  const auto d = attributes<DotAttributes>(b.function(), id);
  if (!d.left_contract.empty()) return no_node;
  const std::vector<NodeId> operands = b.function()[id].operands;
  const Shape dims = b.type(id).dims;
  int64_t next = static_cast<int64_t>(d.left_batch.size());
  auto side = [&](NodeId x, const Axes &batch) {
    Axes place(b.type(x).rank(), -1);
    for (size_t i = 0; i < batch.size(); ++i) place[batch[i]] = static_cast<int64_t>(i);
    for (int64_t &axis : place)
      if (axis < 0) axis = next++;
    Axes order = all_axes(static_cast<int>(place.size()));
    std::sort(order.begin(), order.end(), [&](int64_t i, int64_t k) { return place[i] < place[k]; });
    std::sort(place.begin(), place.end());
    return b.broadcast(std::is_sorted(order.begin(), order.end()) ? x : b.transpose(x, order), dims, place);
  };
  NodeId left = side(operands[0], d.left_batch);
  return b.mul(left, side(operands[1], d.right_batch));
}

constexpr Rule rules[] = {
    {Op::dot, "outer product", outer_product},          {Op::reduce, "sum of a product", sum_of_product},
    {Op::reduce, "sum of dots", sum_of_dots},           {Op::reduce, "sum of scatters", sum_of_scatters},
    {Op::window_add, "sum of windows", sum_of_windows},
};

} // namespace

Function contract(Function function) { return rewrite(std::move(function), rules); }

} // namespace nnc::passes
