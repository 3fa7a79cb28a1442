#pragma once
#include <cstdint>
#include <vector>

namespace glyph::render {

// A glyph of the profile's font. The pen position in px from the page's top left corner.
struct PlacedGlyph {
  uint32_t id = 0;
  int16_t x = 0;
  int16_t y = 0;  // baseline, less the glyph's own offset
};

// A character drawn as its code point in a frame (raster/hex_box.h).
struct PlacedBox {
  char32_t code_point = 0;
  int16_t x = 0;  // left edge
  int16_t y = 0;  // baseline
};

// A visual line that leaves ink: its source bytes [source_begin, source_end) lie in the box
// [x, x + width) x [y, y + height) px.
struct PlacedLine {
  uint32_t source_begin = 0;
  uint32_t source_end = 0;
  int16_t x = 0;
  int16_t y = 0;
  int16_t width = 0;
  int16_t height = 0;
  uint32_t first_glyph = 0;  // into PageLayout::glyphs
  uint32_t end_glyph = 0;
};

// All that is needed to draw a page with the profile's font; plain data.
struct PageLayout {
  int width_px = 0;  // multiples of 28
  int height_px = 0;
  int num_rows = 0;  // lines of the page, blank ones between others included
  std::vector<PlacedGlyph> glyphs;
  std::vector<PlacedBox> boxes;
  std::vector<PlacedLine> lines;
};

}  // namespace glyph::render
