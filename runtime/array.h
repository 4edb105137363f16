#pragma once
// Files that are a header and then one array: idx (yann.lecun.com/exdb/mnist) and npy (numpy.lib.format, versions 1 to 3).

#include "runtime/element.h"
#include "runtime/input.h"
#include "runtime/rows.h"

#include <span>

namespace nnc::runtime {

struct ArrayHeader {
  Element element = Element::u8;
  bool swapped = false;       // not this machine's byte order
  bool column_major = false;  // "Fortran order"
  std::vector<int64_t> shape; // at least one axis, the examples
};

/// Each leaves the input behind the header, and has held the promised size against the file's. Throws Error.
ArrayHeader read_idx_header(Input &);
ArrayHeader read_npy_header(Input &);

/// The elements behind a header, as rows of the stored type. Throws Error where the file is cut off, goes on, or holds a value
/// that does not fit.
Rows read_array(Input &, const ArrayHeader &, Stored);

/// Either format: the whole file.
Rows read_array_file(const std::string &path, const std::string &format, Stored);

/// Throws Error where an array of this shape cannot lie in what is left of the input.
void check_promise(const Input &, std::span<const int64_t> shape, Element);

} // namespace nnc::runtime
