#include "runtime/format.h"

#include "runtime/array.h"
#include "runtime/csv.h"
#include "runtime/error.h"
#include "runtime/safetensors.h"
#include "runtime/size.h"
#include "runtime/text.h"

#include <algorithm>

namespace nnc::runtime {
namespace {

void probe_csv(const std::string &path, const Source &source, Probe &probe) {
  Input input(path);
  CsvRecords records(input);
  CsvStart start = start_csv(records, path, source.header);
  probe.row = {static_cast<int64_t>(start.cells.size())};
  probe.headings = start.headings;
  // A column is of text where its first cell that is not empty is no number.
  std::vector<bool> known(start.cells.size(), false);
  probe.text.assign(start.cells.size(), false);
  do {
    for (size_t i = 0; i < std::min(known.size(), start.cells.size()); i++) {
      if (known[i] || start.cells[i].empty()) continue;
      known[i] = true;
      probe.text[i] = !is_number(start.cells[i]);
    }
  } while (std::find(known.begin(), known.end(), false) != known.end() && records.next(start.cells));
}

void describe_array(const ArrayHeader &header, Probe &probe) {
  probe.rows = header.shape[0];
  probe.row.assign(header.shape.begin() + 1, header.shape.end());
  probe.element = header.element;
  probe.stored = natural_stored(header.element);
}

/// Files that are one array, by what opens them and what reads the header.
using Open = Input (*)(const std::string &path, const Source &);
using ReadHeader = ArrayHeader (*)(Input &, const Source &);

Input open_file(const std::string &path, const Source &) { return Input(path); }
Input open_member(const std::string &path, const Source &source) {
  return Input(fmt::format("{} ({})", path, source.key), open_zip_member(path, source.key));
}
ArrayHeader idx_header(Input &input, const Source &) { return read_idx_header(input); }
ArrayHeader npy_header(Input &input, const Source &) { return read_npy_header(input); }
ArrayHeader tensor_header(Input &input, const Source &source) { return seek_safetensor(input, source.key); }

template <Open open, ReadHeader header> void probe_array(const std::string &path, const Source &source, Probe &probe) {
  Input input = open(path, source);
  describe_array(header(input, source), probe);
}
template <Open open, ReadHeader header, bool more = false> Rows read_array_file(const std::string &path, const Source &source) {
  Input input = open(path, source);
  ArrayHeader head = header(input, source);
  return read_array(input, head, source.stored, more);
}

void describe_text(TextFacts facts, Probe &probe) {
  probe.rows = facts.count;
  probe.limit = static_cast<int64_t>(facts.names.size());
  probe.stored = stored_for(probe.limit);
  probe.names = std::move(facts.names);
}
void probe_chars(const std::string &path, const Source &, Probe &probe) { describe_text(examine_chars(path), probe); }
void probe_lines(const std::string &path, const Source &, Probe &probe) {
  TextFacts facts = examine_lines(path);
  probe.row = {facts.longest};
  describe_text(std::move(facts), probe);
}
void probe_bytes(const std::string &path, const Source &source, Probe &probe) {
  Source bytes = source;
  bytes.stored = Stored::u8;
  probe.rows = read_bytes(path, bytes).count;
  probe.element = Element::u8, probe.stored = Stored::u8, probe.limit = 256;
}

constexpr Format formats[] = {
    {"csv", probe_csv, read_csv},
    {"idx", probe_array<open_file, idx_header>, read_array_file<open_file, idx_header>},
    {"npy", probe_array<open_file, npy_header>, read_array_file<open_file, npy_header>},
    {"npz", probe_array<open_member, npy_header>, read_array_file<open_member, npy_header>},
    {"safetensors", probe_array<open_file, tensor_header>, read_array_file<open_file, tensor_header, true>},
    {"bytes", probe_bytes, read_bytes},
    {"chars", probe_chars, read_chars},
    {"lines", probe_lines, read_lines},
};

std::string shape_text(const std::vector<int64_t> &shape) {
  return shape.empty() ? "numbers" : fmt::format("rows of shape [{}]", fmt::join(shape, ", "));
}

} // namespace

const Format &format_named(const std::string &name) {
  for (const Format &format : formats)
    if (name == format.name) return format;
  throw Error(exit_defect, fmt::format("the runtime has no reader for the format `{}`", name));
}

Rows read_rows(const std::string &path, const Source &source) {
  Source file = source;
  if (source.window > 0) file.window = 0, file.row.erase(file.row.begin());
  Rows rows = format_named(source.format).read(path, file);
  rows.format = source.format;
  rows.name = source.name;
  if (rows.row != file.row)
    fail("{}: the file holds {}, but the model was compiled for {}", path, shape_text(rows.row), shape_text(file.row));
  return source.window > 0 ? windows_of(std::move(rows), source.window) : std::move(rows);
}

} // namespace nnc::runtime
