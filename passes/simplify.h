#pragma once
// The rules of `simplify`, by kind.

#include "passes/rewrite.h"

namespace nnc::passes {

std::vector<Rule> arithmetic_rules(); // identities of values
std::vector<Rule> view_rules();       // views of views, reductions and gathers of views
std::vector<Rule> hoisting_rules();   // elementwise work that is the same along an axis, done without it
std::vector<Rule> piece_rules();      // slices, pads and concatenations

} // namespace nnc::passes
