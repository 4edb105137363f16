#pragma once
// The syntax tree as text, for people and golden tests.

#include "frontend/ast.h"

namespace nnc::frontend {

/// One line a node, its fields below it, two spaces deeper; fields that are empty are left out. The same tree gives the same text.
std::string print_ast(const File &);

} // namespace nnc::frontend
