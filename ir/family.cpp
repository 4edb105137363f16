#include "ir/family.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nnc::ir {

std::string to_string(ElemSet set) {
  std::string text;
  for (Elem elem : {Elem::boolean, Elem::u8, Elem::i32, Elem::f32, Elem::f64})
    if (set & one(elem)) text += (text.empty() ? "" : " or ") + std::string(name(elem));
  return text;
}

bool ascending(const std::vector<int64_t> &axes, int rank) {
  int64_t last = -1;
  for (int64_t axis : axes) {
    if (axis <= last || axis >= rank) return false;
    last = axis;
  }
  return true;
}

std::vector<int64_t> other_axes(const std::vector<int64_t> &axes, int rank) {
  std::vector<int64_t> others;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) others.push_back(axis);
  return others;
}

std::vector<int64_t> inverse(const std::vector<int64_t> &permutation) {
  std::vector<int64_t> result(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) result[permutation[i]] = static_cast<int64_t>(i);
  return result;
}

std::vector<int64_t> all_axes(int rank) {
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Shape behind(Extent first, const Shape &dims) {
  Shape result = {first};
  result.insert(result.end(), dims.begin(), dims.end());
  return result;
}

std::vector<int64_t> shifted(std::vector<int64_t> axes) {
  for (int64_t &axis : axes) ++axis;
  return axes;
}

Batched batch_elementwise(const BatchContext &c) {
  std::vector<NodeId> operands;
  for (size_t i = 0; i < c.operands.size(); ++i) operands.push_back(c.lift(i));
  Type result{c.type.elem, behind(c.size, c.type.dims)};
  return c.builder.add_node(c.node.op, std::move(operands), c.node.attributes,
                            record(c.node.op).declared_type ? &result : nullptr);
}

double round_to(Elem elem, double x) {
  switch (elem) {
  case Elem::boolean: return x != 0;
  case Elem::u8: return static_cast<uint8_t>(static_cast<int64_t>(x));
  case Elem::i32: return static_cast<int32_t>(static_cast<int64_t>(x));
  case Elem::f32: return static_cast<float>(x);
  case Elem::f64: return x;
  }
  return x;
}

std::vector<int64_t> dims_at(const Shape &dims, int64_t examples) {
  std::vector<int64_t> result;
  for (const Extent &extent : dims) result.push_back(extent.at(examples));
  return result;
}

Array zeros(const EvaluateContext &c) { return zeros_of(c.node.type, c.examples); }

Array zeros_of(const Type &type, int64_t examples) {
  Array result{type.elem, dims_at(type.dims, examples), {}};
  int64_t count = 1;
  for (int64_t dim : result.dims) count *= dim;
  result.values.assign(count, 0.0);
  return result;
}

int64_t linear(const std::vector<int64_t> &dims, const std::vector<int64_t> &index) {
  int64_t position = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) position = position * dims[axis] + index[axis];
  return position;
}

bool advance(std::vector<int64_t> &index, const std::vector<int64_t> &dims) {
  for (size_t axis = dims.size(); axis-- > 0;) {
    if (++index[axis] < dims[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

Type tensor(Elem elem, std::initializer_list<int64_t> dims) {
  Type type{elem, {}};
  for (int64_t dim : dims) type.dims.push_back(dim == 0 ? Extent{1, true} : Extent{dim, false});
  return type;
}

Sample sample(std::vector<Type> operands, Attributes attributes, std::optional<Type> result, int64_t index_below) {
  return {std::move(operands), std::move(attributes), std::move(result), -2, 2, index_below};
}

} // namespace nnc::ir
