#include "codegen/index.h"

#include <map>

namespace nnc::codegen {

Affine operator+(const Affine &a, const Affine &b) {
  std::map<int, int64_t> sum(a.terms.begin(), a.terms.end());
  for (auto [axis, coefficient] : b.terms) sum[axis] += coefficient;
  Affine result{a.constant + b.constant, {}};
  for (auto [axis, coefficient] : sum)
    if (coefficient != 0) result.terms.emplace_back(axis, coefficient);
  return result;
}

Affine operator*(const Affine &a, int64_t factor) {
  if (factor == 0) return {};
  Affine result{a.constant * factor, a.terms};
  for (auto &[axis, coefficient] : result.terms) coefficient *= factor;
  return result;
}

Index identity_index(int rank) {
  Index result;
  for (int i = 0; i < rank; ++i) result.push_back(Affine::axis(i));
  return result;
}

Index rename_axes(const Index &index, const std::vector<int> &axes) {
  Index result;
  for (const Affine &part : index) {
    Affine renamed{part.constant, {}};
    for (auto [axis, coefficient] : part.terms) renamed = renamed + Affine::axis(axes[axis]) * coefficient;
    result.push_back(std::move(renamed));
  }
  return result;
}

Index compose(const ir::IndexMap &map, const Index &index) {
  Index result;
  for (const ir::IndexMap::Axis &axis : map.axes) {
    Affine sum{axis.constant, {}};
    for (auto [result_axis, coefficient] : axis.terms) sum = sum + index[result_axis] * coefficient;
    result.push_back(std::move(sum));
  }
  return result;
}

Size to_size(const ir::Extent &extent) { return Size::power(extent.count, extent.batch ? 1 : 0); }

Size element_count(const ir::Shape &shape) {
  Size result = 1;
  for (const ir::Extent &extent : shape) result = result * to_size(extent);
  return result;
}

std::vector<Size> row_major_strides(const ir::Shape &shape) {
  std::vector<Size> strides(shape.size());
  Size stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride = stride * to_size(shape[axis]);
  }
  return strides;
}

} // namespace nnc::codegen
