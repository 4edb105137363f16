#pragma once
// `NAME=VALUE` of `nnc eval`: numbers and nested lists of numbers, and results printed the same way.

#include "ir/op.h"

#include <string>

namespace nnc::driver {

/// A value and what it was written as: `element` is i32 where every number is whole and has no point, boolean for true and false, else f64.
struct WrittenArgument {
  std::string name;
  ir::Array value;
};

/// Throws CommandError (2) for what is not NAME=VALUE, CommandError (1) for ragged lists.
WrittenArgument parse_argument(const std::string &text);

/// `[[1, 2], [3, 4]]`, shortest digits that read back to the same value of the element.
std::string print_array(const ir::Array &);

} // namespace nnc::driver
