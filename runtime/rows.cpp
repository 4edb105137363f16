#include "runtime/rows.h"

#include "runtime/error.h"
#include "runtime/size.h"

#include <algorithm>

namespace nnc::runtime {

void Lines::add(int64_t row, int64_t line) {
  if (stretches.empty() || line - stretches.back().line != row - stretches.back().row) stretches.push_back({row, line});
}

int64_t Lines::of(int64_t row) const {
  auto after = std::upper_bound(stretches.begin(), stretches.end(), row, [](int64_t r, const Stretch &s) { return r < s.row; });
  const Stretch &stretch = *std::prev(after); // rows count from 0, and row 0 begins the first stretch
  return stretch.line + (row - stretch.row);
}

int64_t step_of(const Rows &rows) { return rows.step > 0 ? rows.step : elements_of(rows.row); }

int64_t elements_of(const Rows &rows, int64_t count) {
  return count == 0 ? 0 : (count - 1) * step_of(rows) + elements_of(rows.row);
}

Rows windows_of(Rows rows, int64_t window) {
  if (rows.count < window)
    fail("{}: it has {} rows or characters, which is shorter than a window of {}", rows.path.empty() ? rows.name : rows.path,
         rows.count, window);
  rows.step = elements_of(rows.row);
  rows.count -= window - 1;
  rows.row.insert(rows.row.begin(), window);
  return rows;
}

std::string place_of(const Rows &rows, int64_t row, int64_t element) {
  if (rows.step > 0 && element >= 0) row += element / rows.step, element %= rows.step; // the row of the file
  if (rows.format == "csv") {
    std::string line = fmt::format("{}:{}", rows.path, rows.lines.of(row));
    return element < 0 ? line : fmt::format("{}: column {}", line, element + 1);
  }
  std::string source = rows.path.empty() ? fmt::format("the list of {}", rows.name) : rows.path;
  std::string place = fmt::format("{}: row {} (from 0)", source, row);
  bool one = step_of(rows) == 1;
  return element < 0 || one ? place : fmt::format("{}, element {} (from 0)", place, element);
}

} // namespace nnc::runtime
