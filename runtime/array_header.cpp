// The headers of idx and npy files. Nothing they say is believed before it was held against the file's size.

#include "runtime/array.h"
#include "runtime/error.h"

#include <bit>
#include <cstring>
#include <string_view>

namespace nnc::runtime {
namespace {

constexpr size_t most_axes = 16;
constexpr uint32_t longest_npy_header = 1u << 20;

constexpr struct {
  unsigned char code;
  Element element;
} idx_types[] = {{0x08, Element::u8},  {0x09, Element::i8},  {0x0b, Element::i16},
                 {0x0c, Element::i32}, {0x0d, Element::f32}, {0x0e, Element::f64}};

constexpr struct {
  const char *code; // kind and bytes, the array interface's typestr without its byte order
  Element element;
} npy_types[] = {{"b1", Element::boolean}, {"u1", Element::u8},  {"i1", Element::i8},  {"u2", Element::u16},
                 {"i2", Element::i16},     {"u4", Element::u32}, {"i4", Element::i32}, {"u8", Element::u64},
                 {"i8", Element::i64},     {"f2", Element::f16}, {"f4", Element::f32}, {"f8", Element::f64}};

void read_header(Input &input, void *to, size_t bytes, const char *format) {
  if (input.read(to, bytes) < bytes) fail("{}: the file is cut off within its {} header", input.path, format);
}

/// The dictionary of an npy header, a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class NpyDictionary {
public:
  NpyDictionary(const std::string &path, std::string_view text) : path(path), rest(text) {}

  ArrayHeader parse() {
    expect("{");
    while (!take("}")) {
      std::string_view key = quoted();
      expect(":");
      if (key == "descr")
        once(has_type), element_type();
      else if (key == "fortran_order")
        once(has_order), header.column_major = truth();
      else if (key == "shape")
        once(has_shape), shape();
      else
        damaged("an unknown key");
      if (!take(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (!rest.empty()) damaged("text behind its dictionary");
    if (!has_type || !has_order || !has_shape) damaged("a missing `descr`, `fortran_order` or `shape`");
    return header;
  }

private:
  [[noreturn]] void damaged(const char *what) { fail("{}: damaged npy header: {} (at `{}`)", path, what, shown(rest)); }

  void once(bool &seen) {
    if (seen) damaged("a key twice");
    seen = true;
  }
  void skip_space() {
    while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\n')) rest.remove_prefix(1);
  }
  bool take(std::string_view text) {
    skip_space();
    if (!rest.starts_with(text)) return false;
    rest.remove_prefix(text.size());
    return true;
  }
  void expect(const char *text) {
    if (!take(text)) fail("{}: damaged npy header: `{}` expected at `{}`", path, text, shown(rest));
  }
  std::string_view quoted() {
    skip_space();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"')) damaged("a text expected");
    size_t end = rest.find(rest[0], 1);
    if (end == std::string_view::npos) damaged("a text without end");
    std::string_view text = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return text;
  }
  bool truth() {
    if (take("True")) return true;
    if (take("False")) return false;
    damaged("True or False expected");
  }
  void element_type() {
    skip_space();
    if (rest.starts_with("[")) fail("{}: npy array of records; save each field as an array of its own", path);
    std::string_view text = quoted();
    char order = text.empty() ? ' ' : text[0];
    std::string_view code = text.substr(text.empty() ? 0 : 1);
    for (const auto &type : npy_types)
      if (code == type.code && std::strchr("<>|=", order)) {
        header.element = type.element;
        bool little = std::endian::native == std::endian::little;
        header.swapped = element_bytes(type.element) > 1 && ((order == '>' && little) || (order == '<' && !little));
        return;
      }
    if (text.starts_with("|O")) fail("{}: npy array of Python objects; save numbers, such as with .astype(\"float32\")", path);
    fail("{}: npy array of `{}`; whole numbers of 8 to 64 bits, f2, f4, f8 and bool can be read", path, shown(text));
  }
  void shape() {
    expect("(");
    while (!take(")")) {
      skip_space();
      int64_t extent = 0;
      size_t digits = 0;
      for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; digits++)
        if (__builtin_mul_overflow(extent, 10, &extent) || __builtin_add_overflow(extent, rest[digits] - '0', &extent))
          damaged("an extent beyond 64 bits");
      if (digits == 0) damaged("an extent expected");
      rest.remove_prefix(digits);
      header.shape.push_back(extent);
      if (header.shape.size() > most_axes) damaged("too many axes");
      if (!take(",")) {
        expect(")");
        break;
      }
    }
  }

  const std::string &path;
  std::string_view rest;
  ArrayHeader header;
  bool has_type = false, has_order = false, has_shape = false;
};

} // namespace

ArrayHeader read_idx_header(Input &input) {
  unsigned char magic[4];
  read_header(input, magic, 4, "idx");
  ArrayHeader header;
  const auto *type = std::begin(idx_types);
  while (type != std::end(idx_types) && type->code != magic[2]) type++;
  if (magic[0] != 0 || magic[1] != 0 || type == std::end(idx_types))
    fail("{}: not an idx file: it begins with bytes {:02x} {:02x} {:02x} {:02x}", input.path, magic[0], magic[1], magic[2],
         magic[3]);
  header.element = type->element;
  header.swapped = std::endian::native == std::endian::little && element_bytes(header.element) > 1; // idx is big-endian
  for (int axis = 0; axis < magic[3]; axis++) {
    unsigned char extent[4];
    read_header(input, extent, 4, "idx");
    header.shape.push_back(int64_t(extent[0]) << 24 | int64_t(extent[1]) << 16 | int64_t(extent[2]) << 8 | extent[3]);
  }
  check_header(input, header, "idx");
  return header;
}

ArrayHeader read_npy_header(Input &input) {
  unsigned char magic[8];
  read_header(input, magic, 8, "npy");
  if (std::memcmp(magic, "\x93NUMPY", 6) != 0) fail("{}: not an npy file", input.path);
  if (magic[6] < 1 || magic[6] > 3) fail("{}: npy version {}.{}; 1 to 3 can be read", input.path, magic[6], magic[7]);
  unsigned char size[4] = {};
  read_header(input, size, magic[6] == 1 ? 2 : 4, "npy");
  uint32_t length = size[0] | uint32_t(size[1]) << 8 | uint32_t(size[2]) << 16 | uint32_t(size[3]) << 24;
  if (length > longest_npy_header) fail("{}: damaged npy header: it says that it is {} bytes long", input.path, length);
  std::string text(length, ' ');
  read_header(input, text.data(), length, "npy");
  ArrayHeader header = NpyDictionary(input.path, text).parse();
  check_header(input, header, "npy");
  return header;
}

} // namespace nnc::runtime
