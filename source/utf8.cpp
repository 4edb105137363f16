#include "source/utf8.h"

#include <utf8proc.h>

namespace nnc {

Character character_at(std::string_view text, size_t at) {
  unsigned char first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1};
  utf8proc_int32_t code_point = -1;
  auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t *>(text.data() + at),
                                 static_cast<utf8proc_ssize_t>(text.size() - at), &code_point);
  if (length <= 0) return {-1, 1};
  return {code_point, static_cast<uint32_t>(length)};
}

int display_width(Character character) { return character.code_point < 0 ? 1 : utf8proc_charwidth(character.code_point); }

} // namespace nnc
