// The sort that generated code calls.

#include "runtime/module.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

namespace {

template <typename T> std::vector<int32_t> expected(const std::vector<T> &keys, int64_t stride, int64_t count) {
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t i, int32_t j) {
    const T a = keys[i * stride], b = keys[j * stride];
    return a < b || (b != b && a == a);
  });
  return order;
}

} // namespace

TEST_CASE("order is stable, with NaN last", "[order]") {
  const std::vector<double> keys = {2, NAN, -1, 2, -INFINITY, NAN, -0.0, 0.0, INFINITY};
  std::vector<int32_t> order(keys.size());
  nnc_order_f64(keys.data(), 1, 9, order.data());
  CHECK(order == std::vector<int32_t>{4, 2, 6, 7, 0, 3, 8, 1, 5});
}

TEST_CASE("order walks keys at a stride", "[order]") {
  std::mt19937 random(1);
  for (int64_t count : {0, 1, 2, 15, 16, 17, 1000})
    for (int64_t stride : {1, 3}) {
      std::vector<float> floats(static_cast<size_t>(count * stride + 1));
      std::vector<int32_t> integers(floats.size());
      for (size_t i = 0; i < floats.size(); ++i) {
        floats[i] = static_cast<float>(random() % 50);
        integers[i] = static_cast<int32_t>(random() % 7) - 3;
      }
      std::vector<int32_t> order(static_cast<size_t>(count));
      nnc_order_f32(floats.data(), stride, count, order.data());
      CHECK(order == expected(floats, stride, count));
      nnc_order_i32(integers.data(), stride, count, order.data());
      CHECK(order == expected(integers, stride, count));
    }
}
