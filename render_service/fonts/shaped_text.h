#pragma once
#include <cstdint>
#include <vector>

namespace glyph::render {

// The highest byte of a glyph's id is the number of its face: 0 for the style's own, then those of
// FontStyle::fallback in order.
inline constexpr int kFaceShift = 24;
constexpr uint32_t WithFace(uint32_t glyph, uint32_t face) { return glyph | face << kFaceShift; }
constexpr uint32_t FaceOf(uint32_t id) { return id >> kFaceShift; }

// A glyph of a cluster. Offsets from the cluster's pen position: y in px, growing downwards; x in
// px, or in font units where the style is subpixel.
struct ShapedGlyph {
  uint32_t id = 0;  // glyph and face, or the code point of a hex box
  int32_t x = 0;
  int16_t y = 0;
  bool is_box = false;
};

// Characters and glyphs that cannot be separated, with their advance.
struct ShapedCluster {
  uint32_t first_character = 0;  // into DisplayText::characters
  uint32_t end_character = 0;
  uint32_t first_glyph = 0;  // into ShapedText::glyphs
  uint32_t end_glyph = 0;
  int32_t advance = 0;            // px, or font units where the style is subpixel
  uint8_t bidi_level = 0;         // odd: right to left
  bool can_break_before = false;  // Unicode line breaking (UAX 14) allows a line to begin here
  bool is_space = false;          // U+0020
  bool is_white = false;          // leaves no ink
};

// A DisplayText as glyphs; plain data.
struct ShapedText {
  std::vector<ShapedCluster> clusters;  // logical order
  std::vector<ShapedGlyph> glyphs;
};

}  // namespace glyph::render
