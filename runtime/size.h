#pragma once
// Sizes in checked 64-bit arithmetic: a header that lies must not wrap around.

#include <cstdint>
#include <optional>
#include <span>

namespace nnc::runtime {

inline std::optional<int64_t> checked_multiply(int64_t a, int64_t b) {
  int64_t result;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

inline std::optional<int64_t> checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// The number of elements of a shape (1 for a number), or nothing where it is negative or does not fit.
inline std::optional<int64_t> checked_elements(std::span<const int64_t> shape) {
  std::optional<int64_t> result = 1;
  for (int64_t extent : shape)
    if (result) result = checked_multiply(*result, extent);
  return result;
}

/// The number of elements of a shape that is known to be good.
inline int64_t elements_of(std::span<const int64_t> shape) {
  int64_t result = 1;
  for (int64_t extent : shape) result *= extent;
  return result;
}

} // namespace nnc::runtime
