#pragma once
// The safetensors format (github.com/huggingface/safetensors): eight bytes of length, a JSON header, the tensors' bytes.

#include "runtime/array.h"
#include "runtime/memory.h"

#include <map>

namespace nnc::runtime {

struct NamedTensor {
  std::string name;
  Element dtype = Element::f32;
  std::vector<int64_t> shape;
  Memory bytes; // row-major, little-endian

  int64_t elements() const;
};

/// Reads all tensors, in the order of their bytes. Throws Error unless the file is whole and sound: the header's length and every
/// offset are within the file, shapes agree with offsets, tensors cover the data without holes or overlaps, no name is repeated.
std::vector<NamedTensor> read_safetensors(const std::string &path);

/// Leaves the input where the tensor `name` begins, and gives what it is. Throws Error where the file is not sound, or has no such tensor
/// with an axis of examples.
ArrayHeader seek_safetensor(Input &, const std::string &name);

/// A tensor to write: a view of its bytes.
struct TensorView {
  std::string name;
  Element dtype = Element::f32;
  std::vector<int64_t> shape;
  const void *bytes = nullptr;
};

/// Writes the file whole or not at all (runtime/write_file.h), `metadata` as its `__metadata__`. Tensors of wide elements come
/// first, so that all lie aligned in the file; else the order is kept. Throws Error.
void write_safetensors(const std::string &path, const std::vector<TensorView> &tensors,
                       const std::map<std::string, std::string> &metadata = {});
void write_safetensors(const std::string &path, const std::vector<NamedTensor> &tensors);

/// `F32`, as the format names it.
const char *safetensors_dtype(Element);

} // namespace nnc::runtime
