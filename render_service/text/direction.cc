#include "render_service/text/direction.h"

#include <unicode/uchar.h>

#include "render_service/text/decode.h"

namespace glyph::render {

bool BeginsRightToLeft(std::string_view text) {
  size_t i = 0;
  for (size_t count = 0; count < kMaxDirectionCharacters && i < text.size(); ++count) {
    const DecodedCharacter character = DecodeAt(text, i);
    i += character.length;
    const auto c = static_cast<UChar32>(character.code_point);
    if (u_charType(c) == U_FORMAT_CHAR) continue;
    switch (u_charDirection(c)) {
      case U_LEFT_TO_RIGHT:
        return false;
      case U_RIGHT_TO_LEFT:
      case U_RIGHT_TO_LEFT_ARABIC:
        return true;
      default:
        break;
    }
  }
  return false;
}

}  // namespace glyph::render
