#include "frontend/lexer_scan.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utf8proc.h>

namespace nnc::frontend {
namespace {

// Beyond these a number is no f64; the limits keep exact arithmetic on literals bounded.
constexpr size_t most_digits = 400;
constexpr int largest_exponent = 400;

bool is_letter(int32_t code_point) {
  utf8proc_category_t category = utf8proc_category(code_point);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool is_mark(int32_t code_point) {
  utf8proc_category_t category = utf8proc_category(code_point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC;
}

bool is_letter_or_underscore(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// The end of digits with single `_` between them.
size_t end_of_digits(const Scan &scan, size_t at) {
  while (is_digit(scan.byte(at)) || (scan.byte(at) == '_' && is_digit(scan.byte(at - 1)) && is_digit(scan.byte(at + 1)))) ++at;
  return at;
}

ScannedNumber bad_number(const Scan &scan, size_t begin, size_t end, std::string_view advice) {
  end = scan.end_of_name(end);
  scan.diagnostics.report(DiagnosticKind::bad_number, scan.span(begin, end),
                          scan.text.substr(begin, std::min<size_t>(end - begin, 40)), advice);
  return {end, false, false, {}};
}

/// Reports a number whose digits or exponent are beyond the limits.
bool fits(const Scan &scan, size_t begin, size_t end, const std::string &digits) {
  size_t mantissa = std::min(digits.find_first_of("eE"), digits.size());
  if (mantissa > most_digits) {
    scan.diagnostics.report(DiagnosticKind::number_too_long, scan.span(begin, end), "length", most_digits);
    return false;
  }
  if (mantissa == digits.size()) return true;
  const char *first = digits.data() + mantissa + (digits[mantissa + 1] == '+' ? 2 : 1);
  int exponent = 0;
  auto parsed = std::from_chars(first, digits.data() + digits.size(), exponent);
  if (parsed.ec == std::errc() && std::abs(exponent) <= largest_exponent) return true;
  scan.diagnostics.report(DiagnosticKind::number_too_long, scan.span(begin, end), "exponent", largest_exponent);
  return false;
}

/// Appends `code_point` in UTF-8; false if it is none.
bool append(std::string &value, uint32_t code_point) {
  utf8proc_uint8_t bytes[4];
  if (code_point == 0 || !utf8proc_codepoint_valid(static_cast<utf8proc_int32_t>(code_point))) return false;
  value.append(reinterpret_cast<const char *>(bytes),
               static_cast<size_t>(utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes)));
  return true;
}

/// One escape from its `\` on; returns its end.
size_t scan_escape(const Scan &scan, size_t at, std::string &value) {
  static constexpr std::string_view letters = "nrt\"\\", values = "\n\r\t\"\\";
  char letter = scan.byte(at + 1);
  if (size_t which = letters.find(letter); letter != '\0' && which != std::string_view::npos) {
    value += values[which];
    return at + 2;
  }
  if (at + 1 >= scan.text.size() || letter == '\n' || letter == '\r')
    return at + 1; // the string is not closed, which is reported
  size_t end = at + 1 + character_at(scan.text, at + 1).length;
  if (letter == 'u' && scan.byte(at + 2) == '{') {
    uint32_t code_point = 0;
    const char *last = scan.text.data() + scan.text.size();
    auto parsed = std::from_chars(scan.text.data() + at + 3, last, code_point, 16);
    bool closed = parsed.ec == std::errc() && parsed.ptr != last && *parsed.ptr == '}';
    if (closed && append(value, code_point)) return static_cast<size_t>(parsed.ptr - scan.text.data()) + 1;
  }
  scan.diagnostics.report(DiagnosticKind::bad_escape, scan.span(at, end), scan.text.substr(at, end - at),
                          "there are \\n \\r \\t \\\" \\\\ and \\u{3c3}; a backslash itself is \\\\");
  return end;
}

} // namespace

size_t Scan::end_of_name(size_t at) const {
  while (at < text.size()) {
    Character character = character_at(text, at);
    if (!name_goes_on(character)) break;
    at += character.length;
  }
  return at;
}

bool name_begins(Character character) {
  if (character.code_point < 0x80)
    return character.code_point > 0 && is_letter_or_underscore(static_cast<char>(character.code_point));
  return is_letter(character.code_point);
}

bool name_goes_on(Character character) {
  if (character.code_point >= '0' && character.code_point <= '9') return true;
  return name_begins(character) || (character.code_point >= 0x80 && is_mark(character.code_point));
}

std::string normalised(std::string_view name) {
  if (std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string(name);
  utf8proc_uint8_t *composed = nullptr;
  auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t *>(name.data()), static_cast<utf8proc_ssize_t>(name.size()),
                             &composed, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (length < 0) return std::string(name);
  std::string result(reinterpret_cast<const char *>(composed), static_cast<size_t>(length));
  std::free(composed);
  return result;
}

bool is_stray(const Scan &scan, size_t at) {
  Character character = character_at(scan.text, at);
  if (character.code_point >= 0x80) return !name_begins(character);
  return character.code_point == '$' || character.code_point == '`';
}

void check_characters(const Scan &scan) {
  size_t bad = 0, bad_at = 0, control = 0, control_at = 0;
  for (size_t at = 0; at < scan.text.size();) {
    Character character = character_at(scan.text, at);
    int32_t code = character.code_point;
    if (code < 0 && bad++ == 0) bad_at = at;
    bool is_control = code == 0x7F || (code >= 0 && code < 0x20 && code != '\t' && code != '\n' && code != '\r');
    if (is_control && control++ == 0) control_at = at;
    at += character.length;
  }
  auto more = [](size_t count) { return count > 1 ? fmt::format(" (and {} more in this file)", count - 1) : std::string(); };
  if (bad > 0)
    scan.diagnostics
        .report(DiagnosticKind::invalid_utf8, scan.span(bad_at, bad_at + 1), static_cast<unsigned char>(scan.text[bad_at]),
                more(bad))
        .note("save the file in the encoding UTF-8");
  if (control > 0)
    scan.diagnostics.report(DiagnosticKind::control_character, scan.span(control_at, control_at + 1),
                            static_cast<unsigned char>(scan.text[control_at]), more(control));
}

ScannedNumber scan_number(const Scan &scan, size_t begin, bool part) {
  if (scan.byte(begin) == '.')
    return bad_number(scan, begin, end_of_digits(scan, begin + 1), "a digit comes before the point, as in `0.5`");
  size_t end = end_of_digits(scan, begin);
  if (!part && scan.byte(end) == '.' && is_digit(scan.byte(end + 1)))
    end = end_of_digits(scan, end + 1);
  else if (!part && scan.byte(end) == '.' && scan.byte(end + 1) != '.')
    return bad_number(scan, begin, end + 1, "a fraction needs a digit after its point, as in `1.0`");
  size_t sign = scan.byte(end + 1) == '+' || scan.byte(end + 1) == '-' ? 1 : 0;
  if (!part && (scan.byte(end) == 'e' || scan.byte(end) == 'E') && is_digit(scan.byte(end + 1 + sign)))
    end = end_of_digits(scan, end + 1 + sign);
  if (end < scan.text.size() && name_goes_on(character_at(scan.text, end)))
    return bad_number(scan, begin, end,
                      "write `*` between a number and a name; numbers are such as `128`, `1_000`, `0.5`, `1e-3`, `20%`");
  std::string digits(scan.text.substr(begin, end - begin));
  std::erase(digits, '_');
  // `7%2` is meant as a remainder, which the lexer reports at the `%`.
  bool operand_follows =
      scan.byte(end + 1) == '(' || (end + 1 < scan.text.size() && name_goes_on(character_at(scan.text, end + 1)));
  bool percent = !part && scan.byte(end) == '%' && !operand_follows;
  bool valid = fits(scan, begin, end, digits);
  return {end + percent, valid, percent, std::move(digits)};
}

ScannedString scan_string(const Scan &scan, size_t begin) {
  ScannedString found{begin + 1, {}};
  while (true) {
    char c = scan.byte(found.end);
    if (found.end >= scan.text.size() || c == '\n' || c == '\r') {
      scan.diagnostics.report(DiagnosticKind::unterminated_string, scan.span(begin, found.end))
          .note("a line break inside a string is written `\\n`");
      return found;
    }
    if (c == '"') return ++found.end, found;
    if (c == '\\') {
      found.end = scan_escape(scan, found.end, found.value);
    } else {
      found.value += c;
      ++found.end;
    }
  }
}

} // namespace nnc::frontend
