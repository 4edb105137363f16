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

/// The elements behind a header, as rows of the stored type. Throws Error where the file is cut off, goes on (unless `more` may follow),
/// or holds a value that does not fit.
Rows read_array(Input &, const ArrayHeader &, Stored, bool more = false);

/// Throws Error unless the array has examples, not too many axes, and fits in what is left of the input.
void check_header(const Input &, const ArrayHeader &, const char *format);

} // namespace nnc::runtime
