#pragma once

namespace glyph::render {

// U+200C, U+200D and variation selectors.
constexpr bool IsJoiner(char32_t code_point) {
  return code_point == 0x200C || code_point == 0x200D ||
         (code_point >= 0xFE00 && code_point <= 0xFE0F) ||
         (code_point >= 0xE0100 && code_point <= 0xE01EF);
}

// Whether `joiner` changes how text with `before` and `after` it looks (0: nothing there): between
// letters that join and after viramas (UAX 31, A1, A2 and B), between emoji, after an emoji that
// has a text form, and after ideographs with variants. Elsewhere it does nothing that a reader
// could see.
bool Joins(char32_t before, char32_t joiner, char32_t after);

}  // namespace glyph::render
