#pragma once
// UTF-8, one character at a time. Bytes that are no UTF-8 count as characters of their own, so that every text can be walked.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nnc {

struct Character {
  int32_t code_point = -1; // -1: not UTF-8
  uint32_t length = 1;     // bytes
};

/// The character that begins at byte `at` of `text`; `at` is inside the text.
Character character_at(std::string_view text, size_t at);

/// Columns that it takes on a terminal: 0, 1 or 2.
int display_width(Character);

} // namespace nnc
