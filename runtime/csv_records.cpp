// Splits the text of a csv file into records and cells.

#include "runtime/csv.h"
#include "runtime/error.h"

#include <algorithm>
#include <fast_float/fast_float.h>

namespace nnc::runtime {
namespace {

constexpr size_t block = 1u << 18;
constexpr size_t longest_record = 1u << 26;

bool ends_cell(char c) { return c == ',' || c == '\n' || c == '\r' || c == '"' || c == '\0'; }

} // namespace

bool is_number(std::string_view cell) {
  if (!cell.empty() && cell[0] == '+') cell.remove_prefix(1);
  double value;
  auto [end, error] = fast_float::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size();
}

void CsvRecords::fault(size_t cell, const std::string &what) const {
  fail("{}:{}: column {}: {}", input.path, record_line, cell + 1, what);
}

/// Moves what was not passed to the front and reads on; false where nothing more comes.
bool CsvRecords::refill() {
  if (ended) return false;
  text.erase(0, position);
  position = 0;
  if (text.size() > longest_record) fail("{}:{}: a line of more than {} MiB", input.path, next_line, longest_record >> 20);
  size_t kept = text.size(), wanted = std::max(block, kept); // doubling: a long record is scanned few times
  text.resize(kept + wanted);
  size_t got = input.read(text.data() + kept, wanted);
  text.resize(kept + got);
  ended = got < wanted;
  if (!begun && text.starts_with("\xef\xbb\xbf")) position = 3;
  begun = true;
  return true;
}

std::string_view CsvRecords::text_of(size_t begin, size_t end, bool quoted) {
  auto blank = [&](size_t at) { return text[at] == ' ' || text[at] == '\t'; };
  while (begin < end && blank(begin)) begin++;
  while (begin < end && blank(end - 1)) end--;
  if (!quoted) return std::string_view(text).substr(begin, end - begin);
  std::string_view inner = std::string_view(text).substr(begin + 1, end - begin - 2);
  if (inner.find('"') == std::string_view::npos) return inner;
  if (unquoted_count == unquoted.size()) unquoted.emplace_back();
  std::string &plain = unquoted[unquoted_count++];
  plain.clear();
  for (size_t i = 0; i < inner.size(); i++) {
    plain += inner[i];
    if (inner[i] == '"') i++; // the second of a pair
  }
  return plain;
}

/// From the opening quote at `at` to behind the closing one; npos where the text ends before.
size_t CsvRecords::scan_quoted(size_t at, size_t cell) {
  for (at++; at < text.size(); at++) {
    if (text[at] == '\0') fault(cell, "a zero byte; is this a csv file?");
    if (text[at] != '"') continue;
    if (at + 1 == text.size()) return ended ? at + 1 : std::string::npos;
    if (text[at + 1] != '"') return at + 1;
    at++;
  }
  return std::string::npos;
}

/// One record from `position`, which it moves behind the record only where that is whole.
CsvRecords::Outcome CsvRecords::scan(std::vector<std::string_view> &cells) {
  cells.clear();
  unquoted_count = 0;
  record_line = next_line;
  size_t at = position, begin = at;
  bool quoted = false;
  int64_t newlines = 0; // within quoted cells
  auto finish_cell = [&] {
    cells.push_back(text_of(begin, at, quoted));
    quoted = false;
  };
  for (;; at++) {
    while (at < text.size() && !ends_cell(text[at])) at++;
    if (at == text.size()) {
      if (!ended) return Outcome::more_needed;
      finish_cell();
      break;
    }
    char c = text[at];
    if (c == '\0') fault(cells.size(), "a zero byte; is this a csv file?");
    if (c == '"') {
      if (quoted || text.find_first_not_of(" \t", begin) != at)
        fault(cells.size(), "a quote within a cell; a quoted cell begins with it and doubles those within");
      size_t behind = scan_quoted(at, cells.size());
      if (behind == std::string::npos) {
        if (!ended) return Outcome::more_needed;
        fault(cells.size(), "the quote that opens this cell is never closed");
      }
      size_t after = std::min(text.find_first_not_of(" \t", behind), text.size());
      if (after < text.size() && text[after] != ',' && text[after] != '\n' && text[after] != '\r')
        fault(cells.size(), "text behind the closing quote");
      quoted = true;
      newlines += std::count(text.data() + at, text.data() + behind, '\n');
      at = behind - 1;
      continue;
    }
    finish_cell();
    if (c == ',') {
      begin = at + 1;
      continue;
    }
    if (c == '\r' && at + 1 == text.size() && !ended) return Outcome::more_needed; // perhaps a \n follows
    if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') at++;
    at++;
    break;
  }
  bool blank = cells.size() == 1 && cells[0].empty();
  next_line += 1 + newlines;
  position = at;
  return blank ? Outcome::blank : Outcome::record;
}

bool CsvRecords::next(std::vector<std::string_view> &cells) {
  if (!begun) refill();
  while (position < text.size() || !ended) {
    switch (scan(cells)) {
    case Outcome::record: return true;
    case Outcome::blank: break;
    case Outcome::more_needed: refill(); break;
    }
  }
  return false;
}

CsvStart start_csv(CsvRecords &records, const std::string &path, std::optional<int> header) {
  CsvStart start;
  auto next = [&](const char *purpose) {
    if (!records.next(start.cells)) fail("{}: the file {}", path, purpose);
  };
  auto keep_headings = [&] { start.headings.assign(start.cells.begin(), start.cells.end()); };
  next("is empty");
  if (header) {
    for (int line = 0; line < *header; line++) keep_headings(), next("has no rows behind its heading");
  } else if (std::none_of(start.cells.begin(), start.cells.end(), is_number)) {
    keep_headings(), next("has no rows behind its heading");
  }
  if (start.headings.size() != start.cells.size()) start.headings.clear();
  return start;
}

} // namespace nnc::runtime
