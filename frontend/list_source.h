#pragma once
// A list of numbers, or of lists of equal shape, as a data source: its rows stand in the text.

#include "frontend/elaborator.h"

#include <optional>
#include <string>
#include <vector>

namespace nnc::frontend {

constexpr const char *list_format = "list"; // DataFile::format

/// The shape of one row and all values.
struct ListRows {
  std::vector<int64_t> row;
  std::vector<double> values;
  int64_t count = 0;

  bool are_integers() const; // whole numbers that fit i32
};

/// Nothing for a list that is no source: empty, ragged, or of other things (reported; `name` is what messages call it).
std::optional<ListRows> list_rows(Elaborator &, const ListValue &, const std::string &name, Span, const Context &);

SourceInfo list_source(ListRows, bool integers, ir::Elem real);

/// The part of a list's text that is its element `number` of `elements`, row-major; the whole where it is not written out.
Span element_span(const Expr &, size_t number, size_t elements);

} // namespace nnc::frontend
