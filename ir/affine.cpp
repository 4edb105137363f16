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

std::optional<IndexMap> view_map(const Function &function, NodeId id) {
  const auto *view = std::get_if<View>(&record(function[id].op).kernel);
  return view ? view->map(function[id], function.type(function[id].operands[0])) : std::nullopt;
}

NodeId gather_or_view(Builder &b, NodeId table, NodeId index, int64_t batch) {
  const Type t = b.type(table), i = b.type(index);
  auto form = affine(b.function(), index);
  if (!form) return b.gather(table, index, batch);
  // The table's axes are those of the batch, the one that is indexed, and the rest; the result has the index's axes and the rest.
  IndexMap map;
  for (int64_t k = 0; k < batch; ++k) map.axes.push_back({0, {{static_cast<int>(k), 1}}});
  IndexMap::Axis chosen{form->constant, {}};
  for (int k = 0; k < i.rank(); ++k) {
    if (i.dims[k] == Extent{}) form->coefficients[k] = 0;
    if (form->coefficients[k] == 0) continue;
    if (i.dims[k].batch && i.dims[k] != t.dims[batch]) return b.gather(table, index, batch);
    chosen.terms.emplace_back(k, form->coefficients[k]);
  }
  if (t.dims[batch].batch) { // of the examples' axis all in order or none
    const bool one = chosen.terms.size() == 1 && chosen.constant == 0 && chosen.terms[0].second == 1;
    if (!one || i.dims[chosen.terms[0].first] != t.dims[batch]) return b.gather(table, index, batch);
  }
  Interval range = interval(i.dims, form->coefficients);
  if (form->constant + range.low < 0 || form->constant + range.high >= t.dims[batch].count) return b.gather(table, index, batch);
  map.axes.push_back(std::move(chosen));
  Shape dims = i.dims;
  for (int k = static_cast<int>(batch) + 1; k < t.rank(); ++k) {
    map.axes.push_back({0, {{static_cast<int>(dims.size()), 1}}});
    dims.push_back(t.dims[k]);
  }
  return view_of(b, table, std::move(map), dims);
}

} // namespace nnc::ir
