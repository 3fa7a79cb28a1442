#pragma once
#include <cstdint>

namespace glyph::render {

// A hex box stands for a character that cannot be drawn: a frame around its code point in two rows
// of 3x5 px digits. Two columns of digits up to U+FFFF, three above.
inline constexpr int kHexDigitWidth = 3;
inline constexpr int kHexDigitHeight = 5;
inline constexpr int kHexBoxHeight = 2 * kHexDigitHeight + 5;  // frame, gaps of 1 px between
inline constexpr int kHexBoxAscent = 13;                       // px above the baseline

constexpr int HexBoxColumns(uint32_t code_point) { return code_point > 0xFFFF ? 3 : 2; }
constexpr int HexBoxWidth(uint32_t code_point) {
  return HexBoxColumns(code_point) * (kHexDigitWidth + 1) + 3;
}
constexpr int HexBoxAdvance(uint32_t code_point) { return HexBoxWidth(code_point) + 1; }

}  // namespace glyph::render
