#include "runtime/dataset.h"

#include "runtime/error.h"
#include "runtime/format.h"
#include "runtime/size.h"

#include <algorithm>
#include <limits>

namespace nnc::runtime {
namespace {

/// Whether `--data NAME=` means the source: by its name, or by its block's where that has one file.
bool is_named(const Source &source, const std::string &name, const Description &about) {
  if (source.format == "list") return false;
  if (source.name == name) return true;
  auto in_block = [&](const Source &other) { return other.format != "list" && other.name.starts_with(name + "."); };
  return in_block(source) && std::count_if(about.sources.begin(), about.sources.end(), in_block) == 1;
}

/// Elements from the start of one row to that of the next, as compiled code finds them.
int64_t step_of(const Source &source) {
  return source.window > 0 ? elements_of(source.row) / source.window : elements_of(source.row);
}

Rows read_source(const Source &source, const Description &about, const std::map<std::string, std::string> &paths) {
  if (source.format == "list") return rows_of_list(source);
  auto given = std::find_if(paths.begin(), paths.end(), [&](const auto &path) { return is_named(source, path.first, about); });
  std::string path = given != paths.end()
                         ? given->second
                         : find_file(source.path, source.directory, fmt::format("; --data {}=PATH names another", source.name));
  return read_rows(path, source);
}

void check_names(const Description &about, const std::map<std::string, std::string> &paths) {
  for (const auto &[name, path] : paths) {
    auto is_it = [&](const Source &source) { return is_named(source, name, about); };
    if (std::any_of(about.sources.begin(), about.sources.end(), is_it)) continue;
    std::vector<std::string> names;
    for (const Source &source : about.sources)
      if (source.format != "list") names.push_back(source.name);
    refuse("--data {}={}: no source has this name; there {} {}", name, path, names.size() == 1 ? "is" : "are",
           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
}

} // namespace

Rows rows_of_list(const Source &source) {
  Rows rows;
  rows.name = source.name, rows.format = "list", rows.row = source.row, rows.stored = source.stored;
  if (source.window > 0) rows.row.erase(rows.row.begin());
  auto total = static_cast<int64_t>(source.values.size()), width = elements_of(rows.row);
  rows.count = total / width;
  rows.bytes = Memory(total * static_cast<int64_t>(stored_bytes(source.stored)), "data");
  if (auto fault = convert(source.values.data(), Element::f64, false, total, source.stored, rows.bytes.data()))
    fail("{}: {}", place_of(rows, fault->index / width, fault->index % width), fault->reason);
  return source.window > 0 ? windows_of(std::move(rows), source.window) : std::move(rows);
}

Dataset::Dataset(const Description &about, const std::map<std::string, std::string> &paths, const std::vector<bool> &needed) {
  check_names(about, paths);
  rows.resize(about.sources.size());
  for (size_t i = 0; i < rows.size(); i++)
    if (needed[i]) rows[i] = read_source(about.sources[i], about, paths);
  for (const Data &clause : about.data) {
    const Rows *first = nullptr;
    for (int index : clause.sources) {
      const Rows &source = rows[static_cast<size_t>(index)];
      if (source.count == 0) continue;
      if (!first) first = &source;
      if (source.count != first->count)
        fail("the sources of `data {}` differ in their numbers of examples: {} has {}, {} has {}", clause.name,
             first->path.empty() ? first->name : first->path, first->count, source.path.empty() ? source.name : source.path,
             source.count);
    }
    counts.push_back(first ? first->count : 0);
  }
  spacings.assign(about.data.size(), 1);
  fill_gaps(about);
}

Dataset::Dataset(const Description &about, std::vector<Rows> given, int64_t count)
    : rows(std::move(given)), counts(about.data.size(), count), spacings(about.data.size(), 1) {
  spread(about);
  fill_gaps(about);
}

void Dataset::spread(const Description &about) {
  for (size_t clause = 0; clause < about.data.size(); clause++) {
    int64_t &spacing = spacings[clause];
    for (int index : about.data[clause].sources)
      if (const Rows &given = rows[static_cast<size_t>(index)]; given.count > 0 && given.step == 0)
        spacing = std::max(spacing, about.sources[static_cast<size_t>(index)].window);
    if (spacing == 1) continue;
    for (int index : about.data[clause].sources) {
      Rows &given = rows[static_cast<size_t>(index)];
      if (given.count == 0) continue;
      int64_t size = static_cast<int64_t>(stored_bytes(given.stored)), row = elements_of(given.row) * size;
      auto apart = checked_multiply(spacing, step_of(about.sources[static_cast<size_t>(index)]) * size);
      auto total = apart ? checked_multiply(*apart, given.count) : std::nullopt;
      Memory apart_rows(total ? *total + row : -1, "data");
      for (int64_t i = 0; i < given.count; i++) std::copy_n(given.bytes.data() + i * row, row, apart_rows.data() + i * *apart);
      given.bytes = std::move(apart_rows);
    }
  }
}

void Dataset::fill_gaps(const Description &about) {
  for (size_t clause = 0; clause < counts.size(); clause++) {
    constexpr int64_t most = std::numeric_limits<int32_t>::max();
    if (counts[clause] > most / spacings[clause])
      fail("`data {}` has {} examples, more than {}", about.data[clause].name, counts[clause], most / spacings[clause]);
    for (int index : about.data[clause].sources) {
      Rows &source = rows[static_cast<size_t>(index)];
      if (source.count > 0) continue;
      const Source &expected = about.sources[static_cast<size_t>(index)];
      auto steps = checked_multiply(counts[clause], spacings[clause] * step_of(expected));
      auto elements = steps ? checked_add(*steps, elements_of(expected.row)) : std::nullopt;
      auto bytes = elements ? checked_multiply(*elements, static_cast<int64_t>(stored_bytes(expected.stored))) : std::nullopt;
      source.row = expected.row, source.stored = expected.stored, source.name = expected.name;
      source.bytes = Memory(bytes.value_or(-1), "data");
    }
  }
  for (const Rows &source : rows) starts.push_back(source.bytes.data());
}

} // namespace nnc::runtime
