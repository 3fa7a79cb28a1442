#include "render_service/text/decode.h"

#include <unicode/utf8.h>

namespace glyph::render {

DecodedCharacter DecodeAt(std::string_view text, size_t offset) {
  const char* bytes = text.data() + offset;
  const auto size = static_cast<int32_t>(text.size() - offset < 4 ? text.size() - offset : 4);
  int32_t length = 0;
  UChar32 code_point = 0;
  U8_NEXT(bytes, length, size, code_point);
  if (code_point < 0) {
    return {kReplacementCharacter, static_cast<size_t>(length), false};
  }
  return {static_cast<char32_t>(code_point), static_cast<size_t>(length), true};
}

}  // namespace glyph::render
