// Sorting, for the generated code: in place and without allocation. Positions break ties, so that the order is one of all elements and the
// same whatever algorithm sorts.

#include "runtime/module.h"

#include <algorithm>
#include <numeric>

namespace nnc::runtime {
namespace {

template <typename T> bool is_nan(T x) { return x != x; }

/// Introsort: O(n log n) comparisons in the worst case.
template <typename T> void order(const T *keys, int64_t stride, int64_t count, int32_t *result) {
  std::iota(result, result + count, 0);
  std::sort(result, result + count, [=](int32_t i, int32_t j) {
    const T a = keys[i * stride], b = keys[j * stride];
    if (a < b || b < a) return a < b;
    return is_nan(a) == is_nan(b) ? i < j : is_nan(b);
  });
}

} // namespace
} // namespace nnc::runtime

extern "C" void nnc_order_i32(const int32_t *keys, int64_t stride, int64_t count, int32_t *result) {
  nnc::runtime::order(keys, stride, count, result);
}
extern "C" void nnc_order_f32(const float *keys, int64_t stride, int64_t count, int32_t *result) {
  nnc::runtime::order(keys, stride, count, result);
}
extern "C" void nnc_order_f64(const double *keys, int64_t stride, int64_t count, int32_t *result) {
  nnc::runtime::order(keys, stride, count, result);
}
