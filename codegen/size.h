#pragma once
// A number that depends on B, the number of examples of a mini-batch: a polynomial of degree at most 2.

#include <array>
#include <cstdint>
#include <string>

namespace nnc::codegen {

struct Size {
  std::array<int64_t, 3> c{}; // c[0] + c[1]·B + c[2]·B²

  Size() = default;
  Size(int64_t constant) : c{constant, 0, 0} {}
  static Size power(int64_t coefficient, int degree);

  bool operator==(const Size &) const = default;
  bool is_constant() const { return c[1] == 0 && c[2] == 0; }
  bool is_zero() const { return c == std::array<int64_t, 3>{}; }
  int64_t at(int64_t examples) const { return c[0] + examples * (c[1] + examples * c[2]); }
};

/// Checked: throw InternalError where a coefficient does not fit 63 bits or the degree exceeds 2 (the front end limits sizes before).
Size operator+(const Size &, const Size &);
Size operator*(const Size &, const Size &);

/// `0`, `640`, `64B`, `4 + 64B + B^2`.
std::string to_string(const Size &);

} // namespace nnc::codegen
