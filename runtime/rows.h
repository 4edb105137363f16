#pragma once
// The rows of one source in memory, as generated code reads them.

#include "runtime/description.h"
#include "runtime/memory.h"

namespace nnc::runtime {

/// Which line of a text file each row began on. Only the rows where the count by one breaks are kept.
class Lines {
public:
  void add(int64_t row, int64_t line);
  int64_t of(int64_t row) const;

private:
  struct Stretch {
    int64_t row, line;
  };
  std::vector<Stretch> stretches;
};

struct Rows {
  std::string path; // as it was opened, for messages; empty for a list
  std::string name; // the source's name, for messages
  std::string format;
  int64_t count = 0;
  std::vector<int64_t> row; // the shape of one
  int64_t step = 0;         // elements from the start of one row to that of the next; 0: as many as a row has. Less in windows
  Stored stored = Stored::f32;
  Memory bytes; // the rows, each row-major
  Lines lines;  // csv, lines
};

/// `step`, whichever way it is said.
int64_t step_of(const Rows &);
/// Elements that `count` rows take.
int64_t elements_of(const Rows &, int64_t count);

/// The same memory as every stretch of `window` rows. Throws Error where there are fewer.
Rows windows_of(Rows, int64_t window);

/// Where a row, and in it an element (-1: none in particular), stands: `digits.csv:12: column 65` with lines and columns
/// from 1, `labels.idx: row 11 (from 0)`, `the list of pairs.x: row 3 (from 0), element 1 (from 0)`.
std::string place_of(const Rows &, int64_t row, int64_t element);

} // namespace nnc::runtime
