#pragma once
// From the text of a file to its syntax tree.

#include "frontend/ast.h"
#include "source/diagnostics.h"

namespace nnc::frontend {

/// Parses file `number` of `sources` after the grammar of the language. Every independent error is reported once; what could
/// not be parsed stands in the tree as an ErrorExpr, or is left out where no expression belongs. Linear in the length of the
/// text. The depth of the tree is limited, so that recursion over it is safe for every later stage.
File parse(const SourceMap &sources, uint32_t number, Diagnostics &diagnostics);

/// How deep brackets, blocks and prefix operators may stand in each other.
constexpr int max_nesting = 200;

/// The largest height of an expression's tree; a chain such as `a + b + c + …` has one level for each operator.
constexpr uint32_t max_height = 1000;

} // namespace nnc::frontend
