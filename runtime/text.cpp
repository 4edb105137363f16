#include "runtime/text.h"

#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>
#include <limits>

namespace nnc::runtime {
namespace {

constexpr char32_t code_points = 0x110000;
constexpr char32_t byte_order_mark = 0xfeff;
constexpr int64_t most_rows = std::numeric_limits<int32_t>::max(); // a row is looked up by an i32

[[noreturn]] void empty_file(const std::string &path) { fail("{}: the file is empty", path); }
[[noreturn]] void too_long(const std::string &path) { fail("{}: more than {} characters, bytes or lines", path, most_rows); }

/// Which characters a text has.
class CharacterSet {
public:
  CharacterSet() : seen(code_points, false) {}
  void add(char32_t character) { seen[character] = true; }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (char32_t c = 0; c < code_points; c++)
      if (seen[c]) result.push_back(utf8(c));
    return result;
  }

private:
  std::vector<bool> seen;
};

/// The place of each character in an alphabet.
class Places {
public:
  explicit Places(const std::vector<std::string> &names) : places(code_points * int64_t{sizeof(int32_t)}, "an alphabet") {
    for (size_t i = 0; i < names.size(); i++) {
      char32_t character;
      if (!names[i].empty() && decode_utf8(names[i], character)) places.as<int32_t>()[character] = static_cast<int32_t>(i) + 1;
    }
  }
  int32_t of(const Characters &text, char32_t character, const Source &source) const {
    int32_t place = places.as<int32_t>()[character];
    if (place == 0)
      text.fault(fmt::format("the character `{}` (U+{:04X}) is none of the {} that the text had when the model was compiled",
                             shown(utf8(character)), static_cast<uint32_t>(character), source.names.size()));
    return place - 1;
  }

private:
  Memory places; // plus 1; 0: not in it
};

/// Elements that are appended one after the other.
class Growing {
public:
  explicit Growing(Stored stored) : stored(stored) {}

  void append(int32_t value) {
    if (count == room) reserve(std::max<int64_t>(1 << 16, room * 2));
    put(count++, value);
  }
  void put(int64_t at, int32_t value) {
    if (stored == Stored::u8)
      bytes.as<uint8_t>()[at] = static_cast<uint8_t>(value);
    else
      bytes.as<int32_t>()[at] = value;
  }
  void reserve(int64_t elements) {
    bytes.resize(checked_multiply(elements, static_cast<int64_t>(stored_bytes(stored))).value_or(-1), "data");
    room = elements;
  }

  const Stored stored;
  Memory bytes;
  int64_t count = 0;

private:
  int64_t room = 0;
};

/// Only these two can hold every character's place; a model that computes with another type has them converted by its own code.
void check_stored(const Source &source) {
  if (source.stored != Stored::u8 && source.stored != Stored::i32)
    throw Error(exit_defect, fmt::format("the characters of {} are not stored as integers", source.name));
}

/// Calls `add` with each character of a line and `end` behind it. A line ends with \n or \r\n, the last one also with the file.
template <class Add, class End> void walk_lines(Characters &text, Add add, End end) {
  char32_t c;
  bool open = false, held = false; // a \r that is held back ends the line where a \n follows
  auto release = [&] {
    if (held) add(U'\r');
    held = false;
  };
  while (text.next(c)) {
    if (c == U'\n') {
      held = false;
      end();
      open = false;
      continue;
    }
    open = true;
    release();
    if (c == U'\r')
      held = true;
    else
      add(c);
  }
  if (!open) return;
  held = false;
  end();
}

} // namespace

/// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
size_t decode_utf8(std::string_view text, char32_t &character) {
  auto byte = [&](size_t i) -> unsigned { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  character = first;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (text.size() < length) return 0;
  character = first & (0x7f >> length);
  for (size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t least[] = {0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xd800 && character < 0xe000;
  return character < least[length - 2] || character >= code_points || surrogate ? 0 : length;
}

bool is_utf8(std::string_view text) {
  char32_t character;
  while (!text.empty()) {
    const size_t length = decode_utf8(text, character);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

/// Reads on where less than the longest character is left.
void Characters::refill() {
  constexpr size_t longest = 4, size = 1u << 18;
  if (ended || block.size() - position >= longest) return;
  block.erase(0, position);
  position = 0;
  const size_t kept = block.size();
  block.resize(kept + size);
  const size_t got = input.read(block.data() + kept, size);
  block.resize(kept + got);
  ended = got < size;
}

void Characters::fault(const std::string &what) const { fail("{}:{}:{}: {}", input.path, at_line, at_column, what); }

bool Characters::decode(char32_t &character) {
  refill();
  const std::string_view rest = std::string_view(block).substr(position);
  if (rest.empty()) return false;
  at_line += after_newline;
  at_column = after_newline ? 1 : at_column + 1;
  after_newline = rest[0] == '\n';
  const size_t length = decode_utf8(rest, character);
  if (length == 0)
    fault(fmt::format("byte 0x{:02x} is not UTF-8; `bytes(…)` reads a file of any kind", static_cast<unsigned char>(rest[0])));
  position += length;
  return true;
}

bool Characters::next(char32_t &character) {
  if (!decode(character)) return false;
  if (!begun && character == byte_order_mark) {
    at_column = 0;
    if (!decode(character)) return false;
  }
  begun = true;
  return true;
}

std::string utf8(char32_t c) {
  auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  auto tail = [&](int shift) { return byte(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), tail(0)};
  if (c < 0x10000) return {byte(0xe0 | c >> 12), tail(6), tail(0)};
  return {byte(0xf0 | c >> 18), tail(12), tail(6), tail(0)};
}

Stored stored_for(int64_t alphabet) { return alphabet <= 256 ? Stored::u8 : Stored::i32; }

TextFacts examine_chars(const std::string &path) {
  Input input(path);
  Characters text(input);
  CharacterSet set;
  TextFacts facts;
  for (char32_t c; text.next(c); facts.count++) set.add(c);
  if (facts.count == 0) empty_file(path);
  if (facts.count > most_rows) too_long(path);
  facts.names = set.names();
  return facts;
}

TextFacts examine_lines(const std::string &path) {
  Input input(path);
  Characters text(input);
  CharacterSet set;
  TextFacts facts;
  int64_t length = 0;
  walk_lines(
      text, [&](char32_t c) { set.add(c), length++; },
      [&] {
        facts.longest = std::max(facts.longest, length);
        facts.count++, length = 0;
      });
  if (facts.count == 0) empty_file(path);
  if (facts.longest == 0) fail("{}: all lines of the file are empty", path);
  if (facts.count > most_rows) too_long(path);
  facts.names = set.names();
  facts.names.insert(facts.names.begin(), "");
  return facts;
}

Rows read_chars(const std::string &path, const Source &source) {
  check_stored(source);
  Input input(path);
  Characters text(input);
  Places places(source.names);
  Growing values(source.stored);
  for (char32_t c; text.next(c);) {
    if (values.count == most_rows) too_long(path);
    values.append(places.of(text, c, source));
  }
  if (values.count == 0) empty_file(path);
  Rows rows;
  rows.path = path, rows.stored = source.stored, rows.count = values.count;
  values.reserve(values.count);
  rows.bytes = std::move(values.bytes);
  return rows;
}

Rows read_lines(const std::string &path, const Source &source) {
  check_stored(source);
  Input input(path);
  Characters text(input);
  Places places(source.names);
  Growing values(source.stored);
  Rows rows;
  const int64_t width = source.row.back();
  int64_t length = 0, room = 0;
  auto make_room = [&] { // for the row that begins
    if (rows.count < room) return;
    room = std::max<int64_t>(1024, room * 2);
    values.reserve(checked_multiply(room, width).value_or(-1));
  };
  walk_lines(
      text,
      [&](char32_t c) {
        make_room();
        if (length == width)
          text.fault(fmt::format("the line has more than {} characters, the longest that the model was compiled for", width));
        values.put(rows.count * width + length++, places.of(text, c, source));
      },
      [&] {
        make_room();
        rows.lines.add(rows.count, rows.count + 1);
        rows.count++;
        length = 0;
        if (rows.count > most_rows) too_long(path);
      });
  if (rows.count == 0) empty_file(path);
  values.reserve(rows.count * width);
  rows.path = path, rows.stored = source.stored, rows.row = {width};
  rows.bytes = std::move(values.bytes);
  return rows;
}

Rows read_bytes(const std::string &path, const Source &source) {
  Input input(path);
  Rows rows;
  int64_t room = 1 << 16;
  for (;; room *= 2) {
    rows.bytes.resize(room, "data");
    rows.count += static_cast<int64_t>(input.read(rows.bytes.data() + rows.count, static_cast<size_t>(room - rows.count)));
    if (rows.count < room) break;
    if (rows.count > most_rows) too_long(path);
  }
  if (rows.count == 0) empty_file(path);
  rows.bytes.resize(rows.count, "data");
  rows.path = path, rows.stored = Stored::u8;
  if (source.stored != Stored::u8) throw Error(exit_defect, fmt::format("the bytes of {} are not stored as bytes", source.name));
  return rows;
}

} // namespace nnc::runtime
