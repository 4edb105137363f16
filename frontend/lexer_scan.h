#pragma once
// Single tokens: numbers, strings and names, from where they begin to where they end.

#include "source/diagnostics.h"
#include "source/utf8.h"

#include <string>
#include <string_view>

namespace nnc::frontend {

/// The text being read and where to report.
struct Scan {
  std::string_view text;
  uint32_t file;
  Diagnostics &diagnostics;

  char byte(size_t at) const { return at < text.size() ? text[at] : '\0'; }
  /// The end of the letters, digits and `_` from `at` on.
  size_t end_of_name(size_t at) const;
  Span span(size_t begin, size_t end) const { return {file, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}; }
  template <typename... Arguments> Diagnostic &report(DiagnosticKind kind, size_t begin, size_t end, Arguments &&...arguments) {
    return diagnostics.report(kind, span(begin, end), std::forward<Arguments>(arguments)...);
  }
};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool name_begins(Character);  // a letter of any script, or `_`
bool name_goes_on(Character); // also a digit, or a mark on a letter

/// The name in normal form C, so that names that look equal are equal.
std::string normalised(std::string_view name);

/// Whether the character at `at` can begin no token, nor space, newline or comment.
bool is_stray(const Scan &, size_t at);

/// Reports the first byte that is not UTF-8, and the first control character, of the whole text.
void check_characters(const Scan &);

struct ScannedNumber {
  size_t end;
  bool valid;
  bool percent;
  std::string digits; // without `_`
};
/// `part`: a part of a path, which is digits only.
ScannedNumber scan_number(const Scan &, size_t begin, bool part);

struct ScannedString {
  size_t end;
  std::string value;
};
ScannedString scan_string(const Scan &, size_t begin);

} // namespace nnc::frontend
