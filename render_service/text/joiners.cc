#include "render_service/text/joiners.h"

#include <unicode/uchar.h>

namespace glyph::render {
namespace {

constexpr char32_t kJoiner = 0x200D;
constexpr char32_t kTextStyle = 0xFE0E;
constexpr char32_t kEmojiStyle = 0xFE0F;
constexpr int kVirama = 9;  // its canonical combining class

bool Is(char32_t code_point, UProperty property) {
  return u_hasBinaryProperty(static_cast<UChar32>(code_point), property) != 0;
}

int JoiningType(char32_t code_point) {
  return u_getIntPropertyValue(static_cast<UChar32>(code_point), UCHAR_JOINING_TYPE);
}

// Whether the letter before is joined to the one after it; marks lie between.
bool LettersJoin(char32_t before, char32_t after) {
  const int left = JoiningType(before), right = JoiningType(after);
  return (left == U_JT_DUAL_JOINING || left == U_JT_LEFT_JOINING || left == U_JT_TRANSPARENT) &&
         (right == U_JT_DUAL_JOINING || right == U_JT_RIGHT_JOINING);
}

bool IsEmojiEnd(char32_t code_point) {
  return code_point == kEmojiStyle || Is(code_point, UCHAR_EXTENDED_PICTOGRAPHIC) ||
         Is(code_point, UCHAR_EMOJI_MODIFIER);
}

}  // namespace

bool Joins(char32_t before, char32_t joiner, char32_t after) {
  if (before == 0) return false;
  if (joiner == kTextStyle || joiner == kEmojiStyle) return Is(before, UCHAR_EMOJI);
  if (joiner != kJoiner && joiner != 0x200C) return Is(before, UCHAR_UNIFIED_IDEOGRAPH);
  if (u_getCombiningClass(static_cast<UChar32>(before)) == kVirama) return true;
  if (joiner == kJoiner && IsEmojiEnd(before) && Is(after, UCHAR_EXTENDED_PICTOGRAPHIC)) {
    return true;
  }
  return after != 0 && LettersJoin(before, after);
}

}  // namespace glyph::render
