#include "codegen/size.h"

#include "ir/builder.h"

#include <fmt/format.h>

namespace nnc::codegen {

static void check(bool fits, const char *what) {
  if (!fits) throw ir::InternalError(fmt::format("a size in the mini-batch's examples {}", what));
}

Size Size::power(int64_t coefficient, int degree) {
  check(degree >= 0 && degree < 3, "has a degree above 2");
  Size size;
  size.c[degree] = coefficient;
  return size;
}

Size operator+(const Size &a, const Size &b) {
  Size sum;
  for (int i = 0; i < 3; ++i) check(!__builtin_add_overflow(a.c[i], b.c[i], &sum.c[i]), "does not fit 63 bits");
  return sum;
}

Size operator*(const Size &a, const Size &b) {
  Size product;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      int64_t term = 0;
      check(!__builtin_mul_overflow(a.c[i], b.c[j], &term), "does not fit 63 bits");
      if (term == 0) continue;
      check(i + j < 3, "has a degree above 2");
      check(!__builtin_add_overflow(product.c[i + j], term, &product.c[i + j]), "does not fit 63 bits");
    }
  return product;
}

std::string to_string(const Size &size) {
  static constexpr const char *powers[] = {"", "B", "B^2"};
  std::string text;
  for (int i = 0; i < 3; ++i) {
    if (size.c[i] == 0) continue;
    if (!text.empty()) text += " + ";
    text += i > 0 && size.c[i] == 1 ? powers[i] : fmt::format("{}{}", size.c[i], powers[i]);
  }
  return text.empty() ? "0" : text;
}

} // namespace nnc::codegen
