// Products with rows gathered from a table, t[i(p)], of which there are many more than the table has. With a product for each row of the table, not for
// each gathered one,
//
//   Σ_k t[i(p), k]·w[k, n]              = (t·w)[i(p), n]
//   Σ_p g[p, n]·t[i(p), k]              = Σ_v s[v, n]·t[v, k],    s[v, n] = Σ_{p: i(p) = v} g[p, n]
//   Σ_{p: i(p) = v} Σ_n g[p, n]·w[n, k] = Σ_n s[v, n]·w[n, k]
//
// so that the projection of an embedding, its weights' gradient and the embedding's cost what the alphabet asks for, not what the text does.

#include "passes/contract.h"
#include "passes/rewrite.h"

#include "ir/family.h"

#include <algorithm>

namespace nnc::passes {

using namespace ir;

namespace {

using Axes = std::vector<int64_t>;

/// How often a row must be gathered, for a mini-batch of the usual size: one of a quarter of it still loses nothing.
constexpr double times_gathered = 4;
/// A product of fewer columns costs no more than the sum of the rows that it is replaced by.
constexpr double fewest_columns = 32;

/// table[index[i…], r…] with its axes in that order: `axes` axes of the index first.
struct Gathered {
  NodeId table, index;
  int64_t axes;
};

std::optional<Gathered> gathered(Builder &b, NodeId id) {
  Axes order = all_axes(b.type(id).rank());
  if (b.function()[id].op == Op::transpose) {
    order = attributes<AxesAttributes>(b.function(), id).axes;
    id = b.function()[id].operands[0];
  }
  const Node &node = b.function()[id];
  if (node.op != Op::gather || std::get<GatherAttributes>(node.attributes).batch != 0) return std::nullopt;
  const NodeId table = node.operands[0], index = node.operands[1];
  const int64_t axes = b.type(index).rank();
  for (size_t k = axes; k < order.size(); ++k)
    if (order[k] != static_cast<int64_t>(k)) return std::nullopt;
  order.resize(axes);
  return Gathered{table, std::is_sorted(order.begin(), order.end()) ? index : b.transpose(index, order), axes};
}

bool many(const Builder &b, NodeId index, const Extent &rows) {
  return usual_elements(b.type(index).dims) >= times_gathered * usual_elements({rows});
}

Axes behind(const Axes &axes, int64_t shift) {
  Axes shifted = axes;
  for (int64_t &axis : shifted) axis += shift;
  return shifted;
}

/// An axis order: `first`, then the rest.
Axes with_first(const Axes &first, int rank) {
  Axes order = first;
  for (int64_t axis : other_axes(first, rank)) order.push_back(axis);
  return order;
}

NodeId transposed(Builder &b, NodeId x, const Axes &order) {
  return std::is_sorted(order.begin(), order.end()) ? x : b.transpose(x, order);
}

/// A dot of `left` and `right` seen from one of them.
struct Side {
  NodeId mine, other;
  Axes contract, other_contract;
};

/// Where only what the rows hold is summed.
NodeId product_of_rows(Builder &b, const Side &side, const Gathered &rows, bool is_left) {
  const Extent count = b.type(rows.table).dims[0];
  const bool in_rows = std::all_of(side.contract.begin(), side.contract.end(), [&](int64_t axis) { return axis >= rows.axes; });
  if (side.contract.empty() || !in_rows || !many(b, rows.index, count)) return no_node;
  const NodeId product = b.dot(rows.table, side.other, {{}, {}, behind(side.contract, 1 - rows.axes), side.other_contract});
  const NodeId made = b.gather(product, rows.index, 0);
  if (is_left) return made;
  const int rank = b.type(made).rank();
  const int64_t others = b.type(side.other).rank() - static_cast<int64_t>(side.other_contract.size());
  Axes order; // the other operand's free axes are in front in the dot
  for (int64_t axis = rank - others; axis < rank; ++axis) order.push_back(axis);
  return transposed(b, made, with_first(order, rank));
}

/// Σ_{p: i(p) = v} x[p, …], where `axes` are those of x along the index's.
NodeId sum_by_row(Builder &b, NodeId index, NodeId x, const Axes &axes, const Extent &rows) {
  Axes order = all_axes(static_cast<int>(axes.size())), sorted = axes; // as x has them, so that it is read as it lies
  std::sort(order.begin(), order.end(), [&](int64_t i, int64_t k) { return axes[i] < axes[k]; });
  std::sort(sorted.begin(), sorted.end());
  return b.scatter_add(transposed(b, index, order), transposed(b, x, with_first(sorted, b.type(x).rank())), 0, rows);
}

/// Where the sum is over the gathered rows, all of them.
NodeId product_with_rows(Builder &b, const Side &side, const Gathered &rows, bool is_left) {
  const Extent count = b.type(rows.table).dims[0];
  const Shape dims = b.type(rows.table).dims;
  Axes axes(rows.axes, -1);
  for (size_t k = 0; k < side.contract.size(); ++k) {
    if (side.contract[k] >= rows.axes) return no_node;
    axes[side.contract[k]] = side.other_contract[k];
  }
  const bool wide = usual_elements({dims.begin() + 1, dims.end()}) >= fewest_columns;
  if (!wide || std::count(axes.begin(), axes.end(), -1) > 0 || !many(b, rows.index, count)) return no_node;
  const NodeId sums = sum_by_row(b, rows.index, side.other, axes, count);
  const DotAttributes over_rows{{}, {}, {0}, {0}};
  return is_left ? b.dot(rows.table, sums, over_rows) : b.dot(sums, rows.table, over_rows);
}

} // namespace

NodeId dot_of_gathered(Builder &b, NodeId id) {
  const auto d = attributes<DotAttributes>(b.function(), id);
  if (!d.left_batch.empty()) return no_node;
  const std::vector<NodeId> operands = b.function()[id].operands;
  for (size_t i : {0, 1}) {
    const std::optional<Gathered> rows = gathered(b, operands[i]);
    if (!rows) continue;
    const Side side{operands[i], operands[1 - i], i == 0 ? d.left_contract : d.right_contract,
                    i == 0 ? d.right_contract : d.left_contract};
    if (const NodeId made = product_of_rows(b, side, *rows, i == 0); made != no_node) return made;
    if (const NodeId made = product_with_rows(b, side, *rows, i == 0); made != no_node) return made;
  }
  return no_node;
}

NodeId scattered_dot(Builder &b, NodeId id) {
  const auto [batch, rows] = attributes<GatherAttributes>(b.function(), id);
  const NodeId index = b.function()[id].operands[0], updates = b.function()[id].operands[1];
  const Node &outer = b.function()[updates];
  const bool is_moved = outer.op == Op::transpose;
  const NodeId dot = is_moved ? outer.operands[0] : updates;
  if (batch != 0 || b.function()[dot].op != Op::dot || !many(b, index, rows)) return no_node;
  const auto d = attributes<DotAttributes>(b.function(), dot);
  if (!d.left_batch.empty()) return no_node;
  const Axes order = is_moved ? std::get<AxesAttributes>(outer.attributes).axes : all_axes(b.type(dot).rank());
  const NodeId left = b.function()[dot].operands[0], right = b.function()[dot].operands[1];
  const Axes free = other_axes(d.left_contract, b.type(left).rank());
  const auto lefts = static_cast<int64_t>(free.size()), indices = static_cast<int64_t>(b.type(index).rank());
  Axes axes; // of the left operand along the index's
  for (int64_t k = 0; k < indices; ++k) {
    if (order[k] >= lefts) return no_node;
    axes.push_back(free[order[k]]);
  }
  const Shape dims = b.type(updates).dims;
  const bool in_order = lefts == indices && std::is_sorted(order.begin() + indices, order.end());
  if (!in_order || usual_elements({dims.begin() + indices, dims.end()}) < fewest_columns) return no_node;
  const NodeId sums = sum_by_row(b, index, left, axes, rows);
  // In the sums the row is in front, and behind it the contracted axes as the left operand has them.
  Axes contract;
  for (int64_t axis : d.left_contract)
    contract.push_back(
        1 + std::count_if(d.left_contract.begin(), d.left_contract.end(), [&](int64_t other) { return other < axis; }));
  return b.dot(sums, right, {{}, {}, contract, d.right_contract});
}

} // namespace nnc::passes
