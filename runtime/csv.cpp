// The cells of a csv file as the numbers that generated code reads.

#include "runtime/csv.h"
#include "runtime/error.h"
#include "runtime/size.h"
#include "runtime/text.h"

#include <algorithm>
#include <cmath>
#include <fast_float/fast_float.h>
#include <limits>
#include <set>
#include <type_traits>

namespace nnc::runtime {
namespace {

/// What becomes of a column.
struct Column {
  bool used = true;
  const Alphabet *alphabet = nullptr;
};

std::vector<Column> columns_of(const Source &source, int64_t width) {
  std::vector<Column> result(static_cast<size_t>(width));
  auto in_range = [&](int column) { return column >= 0 && column < width; };
  if (!source.used.empty())
    for (Column &column : result) column.used = false;
  for (int column : source.used)
    if (in_range(column)) result[static_cast<size_t>(column)].used = true;
  for (const Alphabet &alphabet : source.alphabets)
    if (in_range(alphabet.column)) result[static_cast<size_t>(alphabet.column)].alphabet = &alphabet;
  return result;
}

/// Parses the number of a cell to nearest in T (a whole number for an integer type); else says why not.
template <class T> std::string parse(std::string_view cell, T &value) {
  using Number = std::conditional_t<std::is_same_v<T, float>, float, double>; // f32 directly: rounded once
  if (cell.empty()) return "the cell is empty";
  std::string_view digits = cell[0] == '+' ? cell.substr(1) : cell;
  Number number;
  auto [end, error] = fast_float::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error == std::errc::invalid_argument || end != digits.data() + digits.size())
    return fmt::format("`{}` is not a number", shown(cell));
  if (!std::isfinite(number)) {
    bool spelled = digits.find_first_of("nN") != std::string_view::npos; // nan, inf, infinity
    return fmt::format("`{}` is {}", shown(cell), spelled ? "not a finite number" : "too large a number");
  }
  if constexpr (std::is_integral_v<T>) {
    if (number != std::trunc(number)) return fmt::format("`{}` is not a whole number", shown(cell));
    constexpr auto low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
    if (number < low || number > high) return fmt::format("`{}` is not in {} to {}", shown(cell), +low, +high);
  }
  value = static_cast<T>(number);
  return {};
}

template <class T> T value_of(const CsvRecords &records, size_t index, const Column &column, std::string_view cell) {
  T value{};
  if (column.alphabet) {
    const auto &values = column.alphabet->values;
    auto found = std::lower_bound(values.begin(), values.end(), cell);
    if (found == values.end() || *found != cell)
      records.fault(index, fmt::format("`{}` is none of the {} texts that this column had when the model was compiled",
                                       shown(cell), values.size()));
    value = static_cast<T>(found - values.begin());
  } else if (std::string reason = parse(cell, value); !reason.empty()) {
    records.fault(index, reason);
  }
  return value;
}

template <class T> void read_rows(CsvRecords &records, CsvStart &start, const std::vector<Column> &columns, Rows &rows) {
  int64_t width = static_cast<int64_t>(columns.size()), room = 0;
  do {
    if (start.cells.size() != columns.size())
      fail("{}:{}: {} columns, but the rows before have {}", rows.path, records.line(), start.cells.size(), width);
    if (rows.count == room) {
      room = std::max<int64_t>(1024, room * 2);
      rows.bytes.resize(checked_multiply(room, width * static_cast<int64_t>(sizeof(T))).value_or(-1), "data");
    }
    T *out = rows.bytes.as<T>() + rows.count * width;
    for (size_t i = 0; i < columns.size(); i++)
      if (columns[i].used) out[i] = value_of<T>(records, i, columns[i], start.cells[i]);
    rows.lines.add(rows.count++, records.line());
  } while (records.next(start.cells));
  rows.bytes.resize(rows.count * width * static_cast<int64_t>(sizeof(T)), "data");
}

} // namespace

Rows read_csv(const std::string &path, const Source &source) {
  Input input(path);
  CsvRecords records(input);
  CsvStart start = start_csv(records, path, source.header);
  Rows rows;
  rows.path = path, rows.format = "csv", rows.row = source.row, rows.stored = source.stored;
  int64_t width = elements_of(source.row);
  if (static_cast<int64_t>(start.cells.size()) != width)
    fail("{}:{}: {} columns, but the model was compiled for {}", path, records.line(), start.cells.size(), width);
  std::vector<Column> columns = columns_of(source, width);
  switch (source.stored) {
  case Stored::u8: read_rows<uint8_t>(records, start, columns, rows); break;
  case Stored::i32: read_rows<int32_t>(records, start, columns, rows); break;
  case Stored::f32: read_rows<float>(records, start, columns, rows); break;
  case Stored::f64: read_rows<double>(records, start, columns, rows); break;
  }
  return rows;
}

int64_t count_csv_rows(const std::string &path, std::optional<int> header) {
  Input input(path);
  CsvRecords records(input);
  std::vector<std::string_view> cells = start_csv(records, path, header).cells;
  int64_t rows = cells.empty() ? 0 : 1;
  while (records.next(cells)) rows++;
  return rows;
}

std::vector<std::string> csv_texts(const std::string &path, std::optional<int> header, int column, size_t most) {
  Input input(path);
  CsvRecords records(input);
  CsvStart start = start_csv(records, path, header);
  std::set<std::string, std::less<>> values;
  do {
    if (column < 0 || static_cast<size_t>(column) >= start.cells.size())
      fail("{}:{}: there is no column {}", path, records.line(), column + 1);
    std::string_view cell = start.cells[static_cast<size_t>(column)];
    if (!values.contains(cell)) {
      if (!is_utf8(cell)) records.fault(static_cast<size_t>(column), fmt::format("`{}` is not UTF-8", shown(cell)));
      values.emplace(cell);
    }
    if (values.size() > most)
      records.fault(static_cast<size_t>(column), fmt::format("the column has more than {} different texts", most));
  } while (records.next(start.cells));
  return {values.begin(), values.end()};
}

} // namespace nnc::runtime
