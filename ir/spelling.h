#pragma once
// How the text form spells enumerations, for printer and parser alike; each in the order of its enum.

#include <array>
#include <string>
#include <string_view>

namespace nnc::ir {

constexpr std::array<std::string_view, 4> reduce_kinds = {"add", "max", "min", "mul"};
constexpr std::array<std::string_view, 13> input_kinds = {"argument", "tensor",   "source",    "row",  "position",
                                                          "turn",     "seed_low", "seed_high", "step", "total_steps",
                                                          "epoch",    "setting",  "examples"};
constexpr std::array<std::string_view, 6> output_kinds = {"result", "tensor", "cost", "report", "prediction", "check"};

/// In quotes, with `\hh` for quotes, backslashes and control characters.
std::string quoted(std::string_view);

} // namespace nnc::ir
