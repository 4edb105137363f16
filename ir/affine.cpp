#include "ir/affine.h"

#include "ir/family.h"

#include <algorithm>
#include <cstdlib>

namespace nnc::ir {

namespace {

/// What is affine of huge coefficients is none: their sums stay within 64 bits.
constexpr int64_t limit = int64_t{1} << 40;

std::optional<Affine> bounded(Affine a) {
  bool small = std::abs(a.constant) < limit;
  for (int64_t c : a.coefficients) small = small && std::abs(c) < limit;
  return small ? std::optional(std::move(a)) : std::nullopt;
}

std::optional<Affine> sum(const std::optional<Affine> &a, const std::optional<Affine> &b, int64_t sign) {
  if (!a || !b) return std::nullopt;
  Affine result = *a;
  result.constant += sign * b->constant;
  for (size_t k = 0; k < result.coefficients.size(); ++k) result.coefficients[k] += sign * b->coefficients[k];
  return bounded(std::move(result));
}

bool is_constant(const std::optional<Affine> &a) {
  return a && std::all_of(a->coefficients.begin(), a->coefficients.end(), [](int64_t c) { return c == 0; });
}

std::optional<Affine> scaled(std::optional<Affine> a, int64_t factor) {
  if (!a || std::abs(factor) >= 1 << 20) return std::nullopt;
  a->constant *= factor;
  for (int64_t &c : a->coefficients) c *= factor;
  return bounded(std::move(*a));
}

/// The operand's affine function at the index that the view's map gives.
std::optional<Affine> through_view(const Node &node, const Type &operand, const std::optional<Affine> &inner) {
  auto map = std::get<View>(record(node.op).kernel).map(node, operand);
  if (!inner || !map) return std::nullopt;
  Affine result{inner->constant, std::vector<int64_t>(node.type.rank(), 0)};
  for (size_t k = 0; k < map->axes.size(); ++k) {
    if (std::abs(map->axes[k].constant) >= 1 << 20) return std::nullopt;
    result.constant += inner->coefficients[k] * map->axes[k].constant;
    for (auto [axis, coefficient] : map->axes[k].terms) {
      if (std::abs(coefficient) >= 1 << 20) return std::nullopt;
      result.coefficients[axis] += inner->coefficients[k] * coefficient;
    }
  }
  return bounded(std::move(result));
}

/// Reads few nodes only: a value doubled again and again is a tree of all its uses.
struct Reader {
  const Function &function;
  int budget = 100;

  std::optional<Affine> read(NodeId id) {
    const Node &node = function[id];
    if (node.type.elem != Elem::i32 || --budget < 0) return std::nullopt;
    auto operand = [&](size_t i) { return read(node.operands[i]); };
    switch (node.op) {
    case Op::iota:
    case Op::constant: return leaf(node);
    case Op::copy: return operand(0);
    case Op::neg: return scaled(operand(0), -1);
    case Op::add: return sum(operand(0), operand(1), 1);
    case Op::sub: return sum(operand(0), operand(1), -1);
    case Op::mul: {
      auto a = operand(0), b = operand(1);
      if (is_constant(a)) return scaled(b, a->constant);
      return is_constant(b) ? scaled(a, b->constant) : std::nullopt;
    }
    default:
      if (!std::holds_alternative<View>(record(node.op).kernel)) return std::nullopt;
      return through_view(node, function.type(node.operands[0]), operand(0));
    }
  }

  static std::optional<Affine> leaf(const Node &node) {
    Affine result{0, std::vector<int64_t>(node.type.rank(), 0)};
    if (node.op == Op::iota) {
      result.coefficients[std::get<AxesAttributes>(node.attributes).axes[0]] = 1;
      return result;
    }
    const auto &values = std::get<ConstantAttributes>(node.attributes).values;
    if (values.size() != 1) return std::nullopt;
    result.constant = static_cast<int64_t>(values[0]);
    return result;
  }
};

} // namespace

std::optional<Affine> affine(const Function &function, NodeId id) { return Reader{function}.read(id); }

namespace {

/// table[…, start + step·i, …] for i below `count` along `axis`; the table itself where that is all of it in order.
NodeId strided(Builder &b, NodeId table, int64_t axis, int64_t start, int64_t step, int64_t count) {
  const Shape dims = b.type(table).dims;
  int64_t first = step > 0 ? start : start + (count - 1) * step; // the lowest
  std::vector<int64_t> from(dims.size(), 0), to, by(dims.size(), 1);
  for (const Extent &extent : dims) to.push_back(extent.batch ? 0 : extent.count);
  bool whole = first == 0 && std::abs(step) == 1 && count == dims[axis].count;
  from[axis] = first, by[axis] = std::abs(step), to[axis] = first + (count - 1) * by[axis] + 1;
  NodeId result = whole ? table : b.slice(table, from, to, by);
  return step > 0 ? result : b.reverse(result, {axis});
}

} // namespace

NodeId gather_or_view(Builder &b, NodeId table, NodeId index, int64_t batch) {
  const Type t = b.type(table), i = b.type(index);
  auto form = affine(b.function(), index);
  if (!form) return b.gather(table, index, batch);
  int64_t along = -1; // the one axis of the index that it varies along
  for (int64_t k = 0; k < i.rank(); ++k) {
    if (form->coefficients[k] == 0 || i.dims[k] == Extent{}) continue;
    if (along >= 0 || k < batch || (i.dims[k].batch && i.dims[k] != t.dims[batch])) return b.gather(table, index, batch);
    along = k;
  }
  if (t.dims[batch].batch) { // of the examples' axis all in order or none
    const bool all = along >= 0 && i.dims[along] == t.dims[batch] && form->coefficients[along] == 1 && form->constant == 0;
    if (!all) return b.gather(table, index, batch);
  }
  int64_t step = along < 0 ? 1 : form->coefficients[along], count = along < 0 ? 1 : i.dims[along].count;
  int64_t last = form->constant + (count - 1) * step;
  if (std::min(form->constant, last) < 0 || std::max(form->constant, last) >= t.dims[batch].count)
    return b.gather(table, index, batch);
  NodeId chosen = strided(b, table, batch, form->constant, step, count);
  if (i.rank() == batch + 1 && along == batch) return chosen;
  // The chosen axis becomes `along`, or is dropped; the other axes of the index see the same.
  Shape dims = i.dims;
  dims.insert(dims.end(), t.dims.begin() + batch + 1, t.dims.end());
  std::vector<int64_t> axes = all_axes(static_cast<int>(batch));
  if (along >= 0) {
    axes.push_back(along);
  } else {
    Shape dropped = t.dims;
    dropped.erase(dropped.begin() + batch);
    chosen = b.reshape(chosen, dropped);
  }
  for (int64_t k = i.rank(); k < static_cast<int64_t>(dims.size()); ++k) axes.push_back(k);
  return dims == b.type(chosen).dims ? chosen : b.broadcast(chosen, dims, axes);
}

} // namespace nnc::ir
