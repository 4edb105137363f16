#include "driver/data_files.h"

#include "frontend/limits.h"
#include "runtime/csv.h"
#include "runtime/error.h"
#include "runtime/format.h"
#include "runtime/size.h"

#include <filesystem>
#include <fmt/format.h>

namespace nnc::driver {
namespace {

namespace fs = std::filesystem;

/// Whether `path`, links followed, lies in the folder `root`.
bool inside(const fs::path &path, const fs::path &root) {
  fs::path relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(root));
  return !relative.empty() && *relative.begin() != "..";
}

/// Where the file of a source lies. Throws runtime::Error.
class Finder {
public:
  Finder(std::string directory, std::string root) : directory(std::move(directory)), root(std::move(root)) {}

  std::string operator()(const std::string &path) const {
    std::string found = runtime::find_file(path, directory);
    if (std::string why = refused(found); !why.empty()) throw runtime::Error(runtime::exit_input, why);
    return found;
  }
  /// Of a file that need not be there yet.
  std::string refused(const std::string &path) const {
    if (root.empty() || inside(fs::path(directory) / path, root)) return {};
    return fmt::format("{} lies outside the folder {} that --data-root allows", path, root);
  }

private:
  std::string directory, root;
};

frontend::SourceHeader probe(const std::string &path, const frontend::DataFile &file) {
  runtime::Probe probe = runtime::probe(runtime_source(file), path);
  frontend::SourceHeader header;
  header.error = probe.error;
  header.row = probe.row;
  header.stored = elem_of(probe.stored);
  header.columns = probe.headings;
  header.text = probe.text;
  header.rows = probe.rows;
  header.limit = probe.limit;
  header.alphabet = probe.names;
  return header;
}

frontend::SourceContent content(const std::string &path, const frontend::DataFile &file, const frontend::SourceHeader &header,
                                int column, const std::vector<std::string> &texts) {
  runtime::Source source = runtime_source(file);
  const bool is_table = !header.text.empty();
  source.row = header.row;
  source.stored = is_table ? runtime::Stored::f64 : stored_of(header.stored);
  source.names = header.alphabet;
  for (int i = 0; i < static_cast<int>(header.text.size()); ++i) // columns of text are taken alone, or not at all
    if (column < 0 ? !header.text[i] : i == column) source.used.push_back(i);
  if (!texts.empty() && column >= 0) source.alphabets = {{column, texts}};
  runtime::Rows rows = runtime::read_rows(path, source);
  frontend::SourceContent read;
  read.rows = rows.count;
  const int64_t width = runtime::elements_of(rows.row);
  std::vector<double> all(static_cast<size_t>(rows.count * width));
  if (auto fault = runtime::convert(rows.bytes.data(), runtime::element_of(rows.stored), false, rows.count * width,
                                    runtime::Stored::f64, all.data()))
    runtime::fail("{}: {}", runtime::place_of(rows, fault->index / width, fault->index % width), fault->reason);
  if (column < 0) {
    read.values = std::move(all);
    return read;
  }
  for (int64_t i = 0; i < rows.count; ++i) read.values.push_back(all[static_cast<size_t>(i * width + column)]);
  return read;
}

/// What `read` gives, or the error that it throws.
template <class Result, class Read> Result caught(Read read) {
  try {
    return read();
  } catch (const runtime::Error &error) {
    Result result;
    result.error = error.what();
    return result;
  }
}

} // namespace

runtime::Stored stored_of(ir::Elem elem) {
  switch (elem) {
  case ir::Elem::boolean:
  case ir::Elem::u8: return runtime::Stored::u8;
  case ir::Elem::i32: return runtime::Stored::i32;
  case ir::Elem::f32: return runtime::Stored::f32;
  case ir::Elem::f64: return runtime::Stored::f64;
  }
  return runtime::Stored::f32;
}

ir::Elem elem_of(runtime::Stored stored) {
  switch (stored) {
  case runtime::Stored::u8: return ir::Elem::u8;
  case runtime::Stored::i32: return ir::Elem::i32;
  case runtime::Stored::f32: return ir::Elem::f32;
  case runtime::Stored::f64: return ir::Elem::f64;
  }
  return ir::Elem::f32;
}

runtime::Source runtime_source(const frontend::DataFile &file) {
  runtime::Source source;
  source.format = file.format;
  source.path = file.path;
  source.header = file.header;
  source.key = file.key;
  source.window = file.window;
  return source;
}

frontend::SourceReader source_reader(const std::string &directory, const std::string &root) {
  const Finder find(directory, root);
  frontend::SourceReader reader;
  reader.probe = [=](const frontend::DataFile &file) {
    return caught<frontend::SourceHeader>([&] { return probe(find(file.path), file); });
  };
  reader.texts = [=](const frontend::DataFile &file, int column) {
    return caught<frontend::SourceTexts>(
        [&] { return frontend::SourceTexts{"", runtime::csv_texts(find(file.path), file.header, column, frontend::max_texts)}; });
  };
  reader.content = [=](const frontend::DataFile &file, const frontend::SourceHeader &header, int column,
                       const std::vector<std::string> &texts) {
    return caught<frontend::SourceContent>([&] { return content(find(file.path), file, header, column, texts); });
  };
  reader.refused = [=](const std::string &path) { return find.refused(path); };
  return reader;
}

} // namespace nnc::driver
