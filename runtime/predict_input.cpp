// `--in`: rows for the predictions from a file of the user's.

#include "runtime/csv.h"
#include "runtime/error.h"
#include "runtime/format.h"
#include "runtime/predict.h"
#include "runtime/safetensors.h"
#include "runtime/size.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace nnc::runtime {
namespace {

/// The columns that the predictions read of a csv source of `width` columns: one list for all, sorted.
std::vector<int> needed_columns(const Description &about, int source, int64_t width) {
  std::vector<int> columns;
  for (const Prediction &prediction : about.predictions) {
    if (std::find(prediction.sources.begin(), prediction.sources.end(), source) == prediction.sources.end()) continue;
    if (prediction.columns.empty()) { // it reads all
      columns.resize(static_cast<size_t>(width));
      std::iota(columns.begin(), columns.end(), 0);
      return columns;
    }
    columns.insert(columns.end(), prediction.columns.begin(), prediction.columns.end());
  }
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

/// Rows with `columns[i]` taken from element i of the narrower `rows`, the others 0.
Rows widened(Rows rows, const std::vector<int> &columns, const std::vector<int64_t> &row) {
  auto size = static_cast<int64_t>(stored_bytes(rows.stored)), from_width = std::ssize(columns), to_width = elements_of(row);
  Memory wide(checked_multiply(rows.count, to_width * size).value_or(-1), "data");
  for (int64_t r = 0; r < rows.count; r++)
    for (int64_t i = 0; i < from_width; i++)
      std::memcpy(wide.data() + (r * to_width + columns[static_cast<size_t>(i)]) * size,
                  rows.bytes.data() + (r * from_width + i) * size, static_cast<size_t>(size));
  rows.bytes = std::move(wide);
  rows.row = row;
  return rows;
}

/// A csv file with the columns of `source`, or with only those that the predictions read, in the same order.
Rows csv_input(const Description &about, int index, Source source, const std::string &path) {
  source.format = "csv", source.header.reset();
  Probe found = probe(source, path);
  if (!found.error.empty()) throw Error(exit_input, found.error);
  int64_t width = elements_of(source.row);
  std::vector<int> columns = needed_columns(about, index, width);
  if (found.row[0] == width) {
    source.used = columns;
    return read_csv(path, source);
  }
  if (found.row[0] != std::ssize(columns)) {
    std::string narrower = std::ssize(columns) < width ? fmt::format(" or the {} that it uses", columns.size()) : "";
    fail("{}: {} columns, but the prediction reads the {} columns of {}{}", path, found.row[0], width, source.name, narrower);
  }
  std::vector<int64_t> row = std::exchange(source.row, {std::ssize(columns)});
  std::vector<Alphabet> alphabets;
  for (Alphabet &alphabet : source.alphabets)
    if (auto place = std::lower_bound(columns.begin(), columns.end(), alphabet.column);
        place != columns.end() && *place == alphabet.column)
      alphabets.push_back({static_cast<int>(place - columns.begin()), std::move(alphabet.values)});
  source.alphabets = std::move(alphabets);
  source.used.clear();
  return widened(read_csv(path, source), columns, row);
}

/// The source without its windows: the file that they are of.
Source sequence_of(Source source) {
  if (source.window > 0) source.row.erase(source.row.begin());
  source.window = 0;
  return source;
}

/// Makes the rows fit the source: windows of a sequence where they are one, else rows of any shape with the source's number of elements.
Rows fitted(Rows rows, const Source &source) {
  rows.name = source.name;
  if (source.window > 0 && rows.row == sequence_of(source).row) return windows_of(std::move(rows), source.window);
  if (elements_of(rows.row) != elements_of(source.row))
    fail("{}: rows of shape [{}], but {} has [{}]", rows.path, fmt::join(rows.row, ", "), source.name,
         fmt::join(source.row, ", "));
  rows.row = source.row;
  return rows;
}

/// Whether every value of an alphabet is in it: compiled code relies on that.
void check_limit(const Rows &rows, const Source &source) {
  if (source.limit == 0) return;
  int64_t total = elements_of(rows, rows.count), width = elements_of(rows.row);
  for (int64_t i = 0; i < total; i++) {
    int64_t value = rows.stored == Stored::u8 ? rows.bytes.as<uint8_t>()[i] : rows.bytes.as<int32_t>()[i];
    if (value >= 0 && value < source.limit) continue;
    bool windows = rows.step > 0;
    fail("{}: {} is none of the {} values of {}: 0 to {}", place_of(rows, windows ? 0 : i / width, windows ? i : i % width),
         value, source.limit, source.name, source.limit - 1);
  }
}

Rows tensor_input(const Source &source, const std::vector<NamedTensor> &tensors, const std::string &path) {
  std::string field = source.name.substr(source.name.find('.') + 1); // all of it where there is no dot
  auto found = std::find_if(tensors.begin(), tensors.end(),
                            [&](const NamedTensor &t) { return t.name == source.name || t.name == field; });
  if (found == tensors.end()) fail("{}: no tensor is named {} or {}", path, source.name, field);
  if (found->shape.empty()) fail("{}: tensor {} is a single number; the examples must be its first axis", path, found->name);
  Rows rows;
  rows.path = path, rows.format = "safetensors", rows.stored = source.stored;
  rows.count = found->shape[0];
  rows.row.assign(found->shape.begin() + 1, found->shape.end());
  int64_t width = elements_of(rows.row), total = found->elements();
  rows.bytes = Memory(checked_multiply(total, static_cast<int64_t>(stored_bytes(source.stored))).value_or(-1), "data");
  if (auto fault = convert(found->bytes.data(), found->dtype, false, total, source.stored, rows.bytes.data()))
    fail("{}: {}", place_of(rows, fault->index / width, fault->index % width), fault->reason);
  return fitted(std::move(rows), source);
}

/// The endings that say what a file is; any other is a text or bytes, where the source is of these.
enum class InputKind { csv, npy, safetensors, same };

InputKind kind_of(const std::string &path, const Source &source) {
  constexpr struct {
    const char *ending;
    InputKind kind;
  } endings[] = {{".csv", InputKind::csv}, {".npy", InputKind::npy}, {".safetensors", InputKind::safetensors}};
  std::string plain = path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path;
  for (const auto &[ending, kind] : endings)
    if (plain.ends_with(ending)) return kind;
  bool is_text = !source.names.empty() || source.format == "bytes";
  if (!is_text) refuse("--in {}: the name must end in .csv, .npy or .safetensors", path);
  return InputKind::same;
}

Rows file_input(const Description &about, int index, InputKind kind, const std::string &path) {
  const Source &source = about.sources[static_cast<size_t>(index)];
  if (kind == InputKind::same) return read_rows(path, source);
  if (kind == InputKind::csv)
    return fitted(csv_input(about, index, source.format == "csv" ? sequence_of(source) : source, path), source);
  Source array = source;
  array.format = "npy";
  Rows rows = format_named(array.format).read(path, array);
  rows.format = array.format;
  return fitted(std::move(rows), source);
}

} // namespace

std::vector<bool> needed_sources(const Description &about) {
  std::vector<bool> needed(about.sources.size());
  for (const Prediction &prediction : about.predictions)
    for (int source : prediction.sources) needed[static_cast<size_t>(source)] = true;
  return needed;
}

Dataset read_inputs(const Description &about, const std::string &path) {
  std::vector<int> needed;
  std::vector<std::string> names;
  std::vector<bool> is_needed = needed_sources(about);
  for (int i = 0; i < std::ssize(about.sources); i++)
    if (is_needed[static_cast<size_t>(i)]) needed.push_back(i), names.push_back(about.sources[static_cast<size_t>(i)].name);
  if (needed.empty()) refuse("--in {}: the predictions read no data; --count says how many to make", path);
  const InputKind kind = kind_of(path, about.sources[static_cast<size_t>(needed[0])]);
  const bool tensors = kind == InputKind::safetensors;
  if (!tensors && needed.size() > 1)
    refuse("--in {}: the predictions read {}; give a safetensors file with a tensor for each", path, fmt::join(names, ", "));

  std::vector<Rows> rows(about.sources.size());
  if (tensors) {
    std::vector<NamedTensor> all = read_safetensors(path);
    for (int index : needed)
      rows[static_cast<size_t>(index)] = tensor_input(about.sources[static_cast<size_t>(index)], all, path);
  } else {
    rows[static_cast<size_t>(needed[0])] = file_input(about, needed[0], kind, path);
  }
  for (int index : needed) check_limit(rows[static_cast<size_t>(index)], about.sources[static_cast<size_t>(index)]);
  const Rows &first = rows[static_cast<size_t>(needed[0])];
  for (int index : needed)
    if (const Rows &other = rows[static_cast<size_t>(index)]; other.count != first.count)
      fail("{}: {} has {} examples, {} has {}", path, first.name, first.count, other.name, other.count);
  if (first.count == 0) fail("{}: it holds no examples", path);
  int64_t count = first.count;
  return Dataset(about, std::move(rows), count);
}

} // namespace nnc::runtime
