#include "ir/type.h"

#include <array>
#include <fmt/format.h>

namespace nnc::ir {

const char *name(Elem elem) {
  static constexpr std::array names = {"bool", "u8", "i32", "f32", "f64"};
  return names[static_cast<size_t>(elem)];
}

int bytes(Elem elem) {
  static constexpr std::array sizes = {1, 1, 4, 4, 8};
  return sizes[static_cast<size_t>(elem)];
}

std::string to_string(const Extent &extent) {
  if (!extent.batch) return fmt::format("{}", extent.count);
  return extent.count == 1 ? "B" : fmt::format("{}B", extent.count);
}

std::string to_string(const Shape &dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + to_string(dims[i]);
  return text + "]";
}

std::string to_string(const Type &type) {
  if (!type.is_tuple()) return name(type.elem) + to_string(type.dims);
  std::string text = "(";
  for (size_t i = 0; i < type.parts.size(); ++i) text += (i ? ", " : "") + to_string(type.parts[i]);
  return text + ")";
}

double usual_elements(const Shape &dims) {
  double count = 1;
  for (const Extent &extent : dims) count *= static_cast<double>(extent.at(usual_examples));
  return count;
}

bool product(const Shape &dims, Count &result) {
  result = {};
  for (const Extent &extent : dims) {
    if (__builtin_mul_overflow(result.count, extent.count, &result.count)) return false;
    result.power += extent.batch;
  }
  return true;
}

} // namespace nnc::ir
