#include "runtime/probe.h"

#include "runtime/array.h"
#include "runtime/csv.h"
#include "runtime/error.h"

#include <climits>
#include <unistd.h>

namespace nnc::runtime {
namespace {

void probe_csv(Input &input, std::optional<int> header, Probe &probe) {
  CsvRecords records(input);
  CsvStart start = start_csv(records, input.path, header);
  probe.row = {static_cast<int64_t>(start.cells.size())};
  probe.headings = start.headings;
  for (std::string_view cell : start.cells) probe.text.push_back(!is_number(cell));
}

void probe_array(Input &input, const std::string &format, Probe &probe) {
  ArrayHeader header = format == "idx" ? read_idx_header(input) : read_npy_header(input);
  probe.rows = header.shape[0];
  probe.row.assign(header.shape.begin() + 1, header.shape.end());
  probe.element = header.element;
  probe.stored = natural_stored(header.element);
}

std::string program_directory() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  std::string whole(path, length > 0 ? static_cast<size_t>(length) : 0);
  return whole.substr(0, whole.find_last_of('/') + 1);
}

} // namespace

Probe probe(const std::string &format, const std::string &path, std::optional<int> header) {
  Probe result;
  try {
    Input input(path);
    if (format == "csv")
      probe_csv(input, header, result);
    else
      probe_array(input, format, result);
  } catch (const std::exception &error) {
    result.error = error.what();
  }
  return result;
}

std::string find_file(const std::string &path, const std::string &directory, const std::string &advice) {
  if (path.starts_with("/")) return path;
  std::string first = directory.empty() ? path : directory + "/" + path, second = program_directory() + path;
  for (const std::string &place : {first, second})
    if (access(place.c_str(), F_OK) == 0) return place;
  fail("{}: no such file in the model's directory ({}), nor beside the program ({}){}", path, first, second, advice);
}

} // namespace nnc::runtime
