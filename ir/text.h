#pragma once
// The IR as text. What print writes, parse reads back to an equal module.

#include "ir/graph.h"

#include <stdexcept>
#include <string>
#include <string_view>

namespace nnc::ir {

/// With `sources`, each node's line ends in its place as a comment.
std::string print(const Function &, const SourceMap *sources = nullptr);
std::string print(const Module &, const SourceMap *sources = nullptr);

/// Throws ParseError with line and column.
struct ParseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
Module parse(std::string_view text);

/// Equal up to places.
bool equal(const Function &, const Function &);

/// Graphviz.
std::string dot(const Function &);

} // namespace nnc::ir
