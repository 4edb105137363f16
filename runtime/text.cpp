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
    for (size_t i = 0; i < names.size(); i++)
      if (!names[i].empty()) places.as<int32_t>()[code_point(names[i])] = static_cast<int32_t>(i) + 1;
  }
  int32_t of(const Characters &text, char32_t character, const Source &source) const {
    int32_t place = places.as<int32_t>()[character];
    if (place == 0)
      text.fault(fmt::format("the character `{}` (U+{:04X}) is none of the {} that the text had when the model was compiled",
                             shown(utf8(character)), static_cast<uint32_t>(character), source.names.size()));
    return place - 1;
  }

private:
  static char32_t code_point(const std::string &name) { // of sound UTF-8
    auto first = static_cast<unsigned char>(name[0]);
    char32_t value = name.size() == 1 ? first : first & (0x7f >> name.size());
    for (size_t i = 1; i < name.size(); i++) value = value << 6 | (static_cast<unsigned char>(name[i]) & 0x3f);
    return value;
  }
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

int Characters::byte() {
  if (position == block.size()) {
    if (ended) return -1;
    constexpr size_t size = 1u << 18;
    block.resize(size);
    block.resize(input.read(block.data(), size));
    ended = block.size() < size;
    position = 0;
    if (block.empty()) return -1;
  }
  return static_cast<unsigned char>(block[position++]);
}

void Characters::fault(const std::string &what) const { fail("{}:{}:{}: {}", input.path, at_line, at_column, what); }

void Characters::not_utf8(int found) {
  if (found < 0) fault("the text ends within a character");
  fault(fmt::format("byte 0x{:02x} is not UTF-8; `bytes(…)` reads a file of any kind", found));
}

/// RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool Characters::decode(char32_t &character) {
  int first = byte();
  if (first < 0) return false;
  at_line += after_newline;
  at_column = after_newline ? 1 : at_column + 1;
  after_newline = first == '\n';
  if (first < 0x80) {
    character = static_cast<char32_t>(first);
    return true;
  }
  int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4) not_utf8(first);
  character = static_cast<char32_t>(first & (0x3f >> more));
  for (int i = 0; i < more; i++) {
    int next = byte();
    if (next < 0 || (next & 0xc0) != 0x80) not_utf8(next);
    character = character << 6 | static_cast<char32_t>(next & 0x3f);
  }
  constexpr char32_t least[] = {0x80, 0x800, 0x10000};
  if (character < least[more - 1] || character >= code_points || (character >= 0xd800 && character < 0xe000)) not_utf8(first);
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
