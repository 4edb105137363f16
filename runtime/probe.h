#pragma once
// What a data file is, found out without reading all of it: for the compiler, which needs shapes and types only.

#include "runtime/element.h"

namespace nnc::runtime {

struct Probe {
  std::string error;                 // not empty: the file cannot be used, and why
  std::optional<int64_t> rows;       // absent for csv, whose rows only reading counts
  std::vector<int64_t> row;          // the shape of one row; csv: [columns]
  std::optional<Element> element;    // of the file; absent for csv
  Stored stored = Stored::f32;       // the natural type in memory; csv: f32
  std::vector<std::string> headings; // csv with a heading: the columns' names
  std::vector<bool> text;            // csv: whether each column is of text
  int64_t limit = 0;                 // not 0: the values are whole and below it
  std::vector<std::string> names;    // chars, lines: of the values, as Source::names
};

/// Of the file as `source` reads it: its format, header and key. Of a csv file it reads the first lines, of arrays the header, which is checked
/// against the file's size, of text and bytes all.
Probe probe(const Source &source, const std::string &path);

/// Where the path of a source or `load` clause is found: itself if absolute, else in `directory` (of the .nn file), else beside
/// the running program. Throws Error naming the places tried, with `advice` at its end.
std::string find_file(const std::string &path, const std::string &directory, const std::string &advice = "");

} // namespace nnc::runtime
