#pragma once
// Index arithmetic of fusion: which element of an operand a point of the iteration space needs, as affine functions of its axes.

#include "codegen/size.h"
#include "ir/op.h"

#include <compare>
#include <vector>

namespace nnc::codegen {

/// constant + Σ coefficient·axis, terms sorted by axis, no zero coefficient.
struct Affine {
  int64_t constant = 0;
  std::vector<std::pair<int, int64_t>> terms; // (axis, coefficient)

  static Affine axis(int number) { return {0, {{number, 1}}}; }
  auto operator<=>(const Affine &) const = default;
};

Affine operator+(const Affine &, const Affine &);
Affine operator*(const Affine &, int64_t);

/// One affine function for each axis of a node.
using Index = std::vector<Affine>;

/// The index with axis i for axis i.
Index identity_index(int rank);

/// Each axis a of `index` renamed to `axes[a]`.
Index rename_axes(const Index &index, const std::vector<int> &axes);

/// The operand's index that a view's result index stands for.
Index compose(const ir::IndexMap &, const Index &);

/// The strides of a row-major tensor, in elements.
std::vector<Size> row_major_strides(const ir::Shape &);
Size element_count(const ir::Shape &);
inline int64_t element_count_at(const ir::Shape &shape, int64_t examples) { return element_count(shape).at(examples); }
Size to_size(const ir::Extent &);

} // namespace nnc::codegen
