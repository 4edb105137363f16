#pragma once
// A `data` block in the graph of one example: its sources become inputs, its fields values of their declared types.

#include "frontend/elaborator.h"

#include <string>
#include <vector>

namespace nnc::frontend {

/// A field: an entry with a type.
struct DataField {
  std::string name;
  Span span;         // of its name
  TensorValue value; // of the declared type
  ir::NodeId checked =
      ir::no_node; // f64: what must be whole and in [0, limit) when the program reads it; no_node: the source says so
  int64_t limit = 0;
};

struct DataRow {
  std::vector<DataField> fields;
};

/// Evaluates the block's entries in `frame`. An entry that is wrong is reported and left out.
DataRow read_data(Elaborator &, const Data &, const FileScope &, Frame &frame);

/// For each element of `node` the element of the source row that it is, row-major, where `node` only selects and converts; else empty.
/// `source` is set to the source's number.
std::vector<int> source_elements(const ir::Function &, ir::NodeId node, int &source);

} // namespace nnc::frontend
