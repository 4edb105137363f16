#include "runtime/array.h"

#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>

namespace nnc::runtime {
namespace {

constexpr size_t most_axes = 16;
constexpr int64_t block_elements = 1 << 16; // converted at a time

/// Reads exactly `bytes` bytes.
void read_all(Input &input, void *to, int64_t bytes) {
  size_t got = input.read(to, static_cast<size_t>(bytes));
  if (got < static_cast<size_t>(bytes))
    fail("{}: the file is cut off: {} bytes of its array are missing", input.path, static_cast<size_t>(bytes) - got);
}

[[noreturn]] void misfit(const Rows &rows, const Misfit &fault) {
  int64_t width = elements_of(rows.row);
  fail("{}: {}", place_of(rows, fault.index / width, fault.index % width), fault.reason);
}

/// Reads the array in the order of the file into `rows.bytes`.
void read_elements(Input &input, const ArrayHeader &header, Rows &rows) {
  int64_t total = elements_of(header.shape), size = element_bytes(header.element);
  auto out = rows.bytes.data();
  auto out_size = static_cast<int64_t>(stored_bytes(rows.stored));
  bool in_place = header.element == element_of(rows.stored);
  Memory block(in_place ? 0 : std::min(total, block_elements) * size, "reading");
  for (int64_t done = 0; done < total;) {
    int64_t count = std::min(block_elements, total - done);
    unsigned char *from = in_place ? out + done * size : block.data();
    read_all(input, from, count * size);
    if (auto fault = convert(from, header.element, header.swapped, count, rows.stored, out + done * out_size)) {
      fault->index += done;
      if (!header.column_major) misfit(rows, *fault);
      fail("{}: element {} of the array in its file's order: {}", input.path, fault->index, fault->reason);
    }
    done += count;
  }
}

/// The same array with its last axis fastest instead of its first.
Memory row_major(const Memory &bytes, const std::vector<int64_t> &shape, int64_t size) {
  Memory result(bytes.size(), "reordering");
  size_t rank = shape.size();
  std::vector<int64_t> stride(rank), index(rank);
  for (size_t axis = 0, step = 1; axis < rank; step *= static_cast<size_t>(shape[axis++]))
    stride[axis] = static_cast<int64_t>(step);
  int64_t from = 0, total = elements_of(shape);
  for (int64_t to = 0; to < total; to++) {
    std::copy_n(bytes.data() + from * size, size, result.data() + to * size);
    for (size_t axis = rank; axis-- > 0;) { // the next index, like a mileage counter
      from += stride[axis];
      if (++index[axis] < shape[axis]) break;
      from -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/// Throws Error where an array of this shape cannot lie in what is left of the input.
void check_promise(const Input &input, std::span<const int64_t> shape, Element element) {
  auto elements = checked_elements(shape);
  auto bytes = elements ? checked_multiply(*elements, element_bytes(element)) : std::nullopt;
  if (!bytes || *bytes > input.most_left())
    fail("{}: the header promises an array of {} of shape [{}], but the file holds at most {} bytes more: it is cut off or "
         "damaged",
         input.path, element_name(element), fmt::join(shape, ", "), input.most_left());
}

} // namespace

void check_header(const Input &input, const ArrayHeader &header, const char *format) {
  if (header.shape.empty()) fail("{}: the array is a single number; the examples must be its first axis", input.path);
  if (header.shape.size() > most_axes)
    fail("{}: the {} array has {} axes, more than {}", input.path, format, header.shape.size(), most_axes);
  check_promise(input, header.shape, header.element);
  for (int64_t extent : header.shape)
    if (extent == 0) fail("{}: the array is empty: its shape is [{}]", input.path, fmt::join(header.shape, ", "));
}

Rows read_array(Input &input, const ArrayHeader &header, Stored stored, bool more) {
  check_promise(input, header.shape, header.element);
  Rows rows;
  rows.path = input.path;
  rows.count = header.shape[0];
  rows.row.assign(header.shape.begin() + 1, header.shape.end());
  rows.stored = stored;
  auto size = static_cast<int64_t>(stored_bytes(stored));
  rows.bytes = Memory(checked_multiply(elements_of(header.shape), size).value_or(-1), "data");
  read_elements(input, header, rows);
  char extra;
  if (!more && input.read(&extra, 1) != 0)
    fail("{}: the file goes on behind its array of shape [{}]", input.path, fmt::join(header.shape, ", "));
  if (header.column_major) rows.bytes = row_major(rows.bytes, header.shape, size);
  return rows;
}

} // namespace nnc::runtime
