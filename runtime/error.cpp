#include "runtime/error.h"

#include "runtime/text.h"

namespace nnc::runtime {

std::string shown(std::string_view text) {
  constexpr size_t longest = 40;
  size_t keep = std::min(text.size(), longest);
  if (keep < text.size()) // not within a UTF-8 sequence
    while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xc0) == 0x80) --keep;
  std::string result(text.substr(0, keep));
  const bool is_text = is_utf8(result);
  for (char &c : result)
    if (static_cast<unsigned char>(c) < 32 || c == 127 || (!is_text && static_cast<unsigned char>(c) >= 128)) c = '?';
  return keep < text.size() ? result + "..." : result;
}

} // namespace nnc::runtime
