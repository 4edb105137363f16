#pragma once
// Files of text and of bytes: sequences of characters, lines of them. A character is the number of its place in the alphabet, which is sorted by
// code point.

#include "runtime/input.h"
#include "runtime/rows.h"

#include <string_view>

namespace nnc::runtime {

/// The characters of a UTF-8 text, one after the other; a byte order mark at its beginning is passed over.
class Characters {
public:
  explicit Characters(Input &input) : input(input) {}

  /// Throws Error, with the place, at bytes that are not UTF-8.
  bool next(char32_t &character);
  [[noreturn]] void fault(const std::string &what) const; // throws Error at the last character: `poem.txt:12:5: …`
  int64_t line() const { return at_line; }                // of the last character, from 1

private:
  void refill();
  bool decode(char32_t &character);

  Input &input;
  std::string block;
  size_t position = 0;
  bool ended = false, begun = false, after_newline = false;
  int64_t at_line = 1, at_column = 0; // of the last character, from 1
};

std::string utf8(char32_t character);

/// The first character of `text`, which is not empty, and its length in bytes; 0 where it is not UTF-8.
size_t decode_utf8(std::string_view text, char32_t &character);
bool is_utf8(std::string_view text);

/// What a text is: as far as the compiler must know.
struct TextFacts {
  std::vector<std::string> names; // of the alphabet; of lines the first is the pad, ""
  int64_t count = 0;              // characters, or lines
  int64_t longest = 0;            // line, in characters
};
TextFacts examine_chars(const std::string &path);
TextFacts examine_lines(const std::string &path);

/// Each reads the whole file; characters must be among the source's names, lines no longer than its rows. Throws Error.
Rows read_chars(const std::string &path, const Source &);
Rows read_lines(const std::string &path, const Source &);
Rows read_bytes(const std::string &path, const Source &);

/// The element in memory of an alphabet of this size.
Stored stored_for(int64_t alphabet);

} // namespace nnc::runtime
