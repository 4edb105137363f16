#pragma once
// The numbers of a safetensors file's tensors.

#include "runtime/safetensors.h"

#include <cstring>
#include <stdexcept>
#include <vector>

namespace nnc::test {

template <class T> std::vector<double> widened(const runtime::NamedTensor &tensor) {
  std::vector<double> values(size_t(tensor.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = double(value);
  }
  return values;
}

inline std::vector<double> values_of(const runtime::NamedTensor &tensor) {
  using runtime::Element;
  switch (tensor.dtype) {
  case Element::boolean: return widened<uint8_t>(tensor);
  case Element::i32: return widened<int32_t>(tensor);
  case Element::f32: return widened<float>(tensor);
  case Element::f64: return widened<double>(tensor);
  default: throw std::runtime_error(tensor.name + " has an element type that no result has");
  }
}

} // namespace nnc::test
