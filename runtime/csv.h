#pragma once
// Comma-separated values (RFC 4180): quoted cells, any line ending, a byte order mark and blank lines skipped.

#include "runtime/input.h"
#include "runtime/rows.h"

#include <deque>
#include <string_view>

namespace nnc::runtime {

/// The records of a csv file, one after the other, in bounded memory.
class CsvRecords {
public:
  explicit CsvRecords(Input &input) : input(input) {}

  /// The cells of the next record, without their quotes and outer blanks, valid until the next call; false at the end.
  bool next(std::vector<std::string_view> &cells);
  int64_t line() const { return record_line; }                         // on which the record began, from 1
  [[noreturn]] void fault(size_t cell, const std::string &what) const; // throws Error with file, line and column

private:
  enum class Outcome { record, blank, more_needed };
  bool refill();
  Outcome scan(std::vector<std::string_view> &cells);
  size_t scan_quoted(size_t at, size_t cell);
  std::string_view text_of(size_t begin, size_t end, bool quoted);

  Input &input;
  std::string text;    // bytes read and not yet passed
  size_t position = 0; // of the next record in it
  bool ended = false, begun = false;
  int64_t record_line = 0, next_line = 1;
  std::deque<std::string> unquoted; // cells that held doubled quotes, which cannot be views of the text
  size_t unquoted_count = 0;
};

/// Whether the whole cell is a number (nan and inf are).
bool is_number(std::string_view cell);

/// Passes the heading and gives the first row of numbers; `header` lines of heading, or where absent: the first line is a
/// heading if none of its cells is a number. `headings` is the last heading line if it has a cell for each column.
struct CsvStart {
  std::vector<std::string> headings;
  std::vector<std::string_view> cells; // of the first row
};
CsvStart start_csv(CsvRecords &, const std::string &path, std::optional<int> header);

/// The whole file, as rows of the source's row and stored type. Of the columns that `used` leaves out the elements are 0.
Rows read_csv(const std::string &path, const Source &);

/// How many rows the file has behind its heading.
int64_t count_csv_rows(const std::string &path, std::optional<int> header);

/// The sorted different texts of a column (from 0). Throws Error where they are more than `most`.
std::vector<std::string> csv_texts(const std::string &path, std::optional<int> header, int column, size_t most = SIZE_MAX);

} // namespace nnc::runtime
