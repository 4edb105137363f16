// The general matrix product.

#include "ir/family.h"

#include <algorithm>

namespace nnc::ir {

namespace {

using Axes = std::vector<int64_t>;

const DotAttributes &attributes_of(const Node &node) { return std::get<DotAttributes>(node.attributes); }

Axes joined(const Axes &a, const Axes &b) {
  Axes result = a;
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

bool distinct(Axes axes, int rank) {
  std::sort(axes.begin(), axes.end());
  return ascending(axes, rank);
}

Axes left_free(const DotAttributes &d, int rank) { return other_axes(joined(d.left_batch, d.left_contract), rank); }
Axes right_free(const DotAttributes &d, int rank) { return other_axes(joined(d.right_batch, d.right_contract), rank); }

Type dot_shape(std::span<const Type *const> types, const Attributes &attributes, std::string &error) {
  const auto &d = std::get<DotAttributes>(attributes);
  const Type &left = *types[0], &right = *types[1];
  if (left.elem != right.elem || !is_float(left.elem))
    return fail(error, "needs two f32 or two f64, got {} and {}", to_string(left), to_string(right));
  bool good = d.left_batch.size() == d.right_batch.size() && d.left_contract.size() == d.right_contract.size() &&
              distinct(joined(d.left_batch, d.left_contract), left.rank()) &&
              distinct(joined(d.right_batch, d.right_contract), right.rank());
  for (size_t i = 0; good && i < d.left_batch.size(); ++i) good = left.dims[d.left_batch[i]] == right.dims[d.right_batch[i]];
  for (size_t i = 0; good && i < d.left_contract.size(); ++i)
    good = left.dims[d.left_contract[i]] == right.dims[d.right_contract[i]];
  if (!good)
    return fail(error, "{} and {} do not match along batch [{}] [{}], contracted [{}] [{}]", to_string(left), to_string(right),
                fmt::join(d.left_batch, ","), fmt::join(d.right_batch, ","), fmt::join(d.left_contract, ","),
                fmt::join(d.right_contract, ","));
  Type result{left.elem, {}};
  for (int64_t axis : joined(d.left_batch, left_free(d, left.rank()))) result.dims.push_back(left.dims[axis]);
  for (int64_t axis : right_free(d, right.rank())) result.dims.push_back(right.dims[axis]);
  return result;
}

/// One operand's gradient: g·other over the other's free axes. With the result's axes being batch, own free, other's free, both orders
/// of the operands are possible; the one that needs no transpose is taken.
struct OperandAdjoint {
  NodeId other;
  Axes own_batch, own_contract, own_free; // axes of the operand whose gradient it is
  Axes other_batch, other_contract, other_free;
  bool own_first; // its free axes come before the other's in the result

  Axes counted(size_t from, size_t count) const {
    Axes result;
    for (size_t i = 0; i < count; ++i) result.push_back(static_cast<int64_t>(from + i));
    return result;
  }

  NodeId build(Builder &b, NodeId g) const {
    size_t other_at = own_batch.size() + (own_first ? own_free.size() : 0);
    Axes g_batch = counted(0, own_batch.size()), g_contract = counted(other_at, other_free.size());
    Axes contracted = matched_contract();
    Axes g_left = joined(joined(own_batch, own_free), contracted), g_right = joined(joined(own_batch, contracted), own_free);
    bool right_fits = std::is_sorted(g_right.begin(), g_right.end()) && !std::is_sorted(g_left.begin(), g_left.end());
    NodeId product = right_fits ? b.dot(other, g, {other_batch, g_batch, other_free, g_contract})
                                : b.dot(g, other, {g_batch, other_batch, g_contract, other_free});
    const Axes &axes = right_fits ? g_right : g_left;
    return std::is_sorted(axes.begin(), axes.end()) ? product : b.transpose(product, inverse(axes));
  }

  /// The operand's contracted axes in the order in which the other's come out: ascending in the other.
  Axes matched_contract() const {
    Axes order = all_axes(static_cast<int>(own_contract.size())), result;
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return other_contract[a] < other_contract[b]; });
    for (int64_t i : order) result.push_back(own_contract[i]);
    return result;
  }
};

std::vector<NodeId> dot_adjoint(const AdjointContext &c) {
  auto d = c.attributes<DotAttributes>();
  Axes lf = left_free(d, c.type(0).rank()), rf = right_free(d, c.type(1).rank());
  NodeId left = c.operand(0), right = c.operand(1), dl = no_node, dr = no_node;
  if (c.wanted[0])
    dl = OperandAdjoint{right, d.left_batch, d.left_contract, lf, d.right_batch, d.right_contract, rf, true}.build(c.builder,
                                                                                                                   c.gradient);
  if (c.wanted[1])
    dr = OperandAdjoint{left, d.right_batch, d.right_contract, rf, d.left_batch, d.left_contract, lf, false}.build(c.builder,
                                                                                                                   c.gradient);
  return {dl, dr};
}

/// The result's axis `from` in front, the others in their order.
NodeId to_front(Builder &b, NodeId x, int64_t from) {
  if (from == 0) return x;
  return b.transpose(x, joined({from}, other_axes({from}, b.type(x).rank())));
}

Batched dot_batch(const BatchContext &c) {
  DotAttributes d = attributes_of(c.node);
  Builder &b = c.builder;
  NodeId left = c.operands[0], right = c.operands[1];
  bool in_left = c.lifted[0], in_right = c.lifted[1];
  if (in_left) d.left_batch = shifted(d.left_batch), d.left_contract = shifted(d.left_contract);
  if (in_right) d.right_batch = shifted(d.right_batch), d.right_contract = shifted(d.right_contract);
  if (in_left && in_right) {
    d.left_batch.insert(d.left_batch.begin(), 0), d.right_batch.insert(d.right_batch.begin(), 0);
    return b.dot(left, right, d);
  }
  int64_t batch = static_cast<int64_t>(d.left_batch.size());
  int64_t left_count = static_cast<int64_t>(left_free(d, b.type(left).rank()).size());
  int64_t right_count = static_cast<int64_t>(right_free(d, b.type(right).rank()).size());
  if (in_left || batch != 0) return to_front(b, b.dot(left, right, d), in_left ? batch : batch + left_count);
  // Only the right one has the axis: as the left operand its free axes come first, the new one before all.
  NodeId swapped = b.dot(right, left, {d.right_batch, d.left_batch, d.right_contract, d.left_contract});
  if (left_count == 0 || right_count == 1) return swapped;
  Axes order = {0};
  for (int64_t i = 0; i < left_count; ++i) order.push_back(right_count + i);
  for (int64_t i = 1; i < right_count; ++i) order.push_back(i);
  return b.transpose(swapped, order);
}

Array evaluate_dot(const EvaluateContext &c) {
  const DotAttributes &d = attributes_of(c.node);
  const Array &left = *c.operands[0], &right = *c.operands[1];
  Axes lf = joined(d.left_batch, left_free(d, static_cast<int>(left.dims.size()))),
       rf = right_free(d, static_cast<int>(right.dims.size()));
  Axes summed;
  for (int64_t axis : d.left_contract) summed.push_back(left.dims[axis]);
  Array result = zeros(c);
  Axes l(left.dims.size()), r(right.dims.size());
  for_each_index(result.dims, [&](const auto &index, int64_t position) {
    for (size_t i = 0; i < lf.size(); ++i) l[lf[i]] = index[i];
    for (size_t i = 0; i < d.right_batch.size(); ++i) r[d.right_batch[i]] = index[i];
    for (size_t i = 0; i < rf.size(); ++i) r[rf[i]] = index[lf.size() + i];
    double sum = 0;
    for_each_index(summed, [&](const auto &k, int64_t) {
      for (size_t i = 0; i < k.size(); ++i) l[d.left_contract[i]] = r[d.right_contract[i]] = k[i];
      sum += left.values[linear(left.dims, l)] * right.values[linear(right.dims, r)];
    });
    result.values[position] = round_to(result.elem, sum);
  });
  return result;
}

std::vector<Sample> dot_samples() {
  return {
      sample({real({2, 3}), real({3})}, DotAttributes{{}, {}, {1}, {0}}),
      sample({real({0, 3}), real({4, 3})}, DotAttributes{{}, {}, {1}, {1}}),
      sample({real({2}), real({3})}, DotAttributes{}),
      sample({real({3}), real({3})}, DotAttributes{{}, {}, {0}, {0}}),
      sample({real({2, 0, 3}), real({3, 2, 4})}, DotAttributes{{0}, {1}, {2}, {0}}),
      sample({real({3, 2, 4}), real({2, 4, 3, 2})}, DotAttributes{{}, {}, {0, 2}, {2, 1}}),
      sample({real({2, 3, 4, 2}), real({4, 2, 3})}, DotAttributes{{3, 1}, {1, 2}, {2}, {0}}),
  };
}

} // namespace

constinit const OpRecord records::dot = {
    .name = "dot",
    .doc = "Σ over contracted axes of left·right; result axes: batch, left free, right free",
    .operands = 2,
    .blank = any<DotAttributes>,
    .shape = dot_shape,
    .declared_type = false,
    .adjoint = dot_adjoint,
    .batch = dot_batch,
    .evaluate = evaluate_dot,
    .kernel = OwnKernel{},
    .commutative = false,
    .samples = dot_samples,
};

} // namespace nnc::ir
