#pragma once
#include <cstdint>
#include <vector>

#include "render_service/fonts/shaped_text.h"

namespace glyph::render {

// Glyphs of a font without subpixel positions stand on whole pixels. The pens of others stand on
// quarters of a pixel, as many of them right of x as the bits above the glyph's number say.
// kMarkShade: not black, but the gray of upstream's red newline mark.
inline constexpr uint32_t kMarkShade = 1 << 18;
constexpr uint32_t WithQuarters(uint32_t glyph, uint32_t quarters) {
  return glyph | quarters << 16;
}
constexpr uint32_t GlyphOf(uint32_t id) { return id & 0xFFFF; }
constexpr uint32_t QuartersOf(uint32_t id) { return id >> 16 & 3; }

// A glyph of one of the profile's faces. The pen position in px from the page's top left corner.
struct PlacedGlyph {
  uint32_t id = 0;  // number in the face, face, quarters and shade
  int16_t x = 0;
  int16_t y = 0;  // baseline, less the glyph's own offset
};

// A character drawn as its code point in a frame (raster/hex_box.h).
struct PlacedBox {
  char32_t code_point = 0;
  int16_t x = 0;  // left edge
  int16_t y = 0;  // baseline
};

// Characters drawn as one, and the box that their advance gives them on their line.
struct PlacedCluster {
  uint32_t source_begin = 0;  // bytes, half-open
  uint32_t source_end = 0;
  int16_t x = 0;  // left edge
  int16_t width = 0;
  bool is_rtl = false;  // what follows in the source stands to the left

  friend bool operator==(const PlacedCluster&, const PlacedCluster&) = default;
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
  uint32_t first_cluster = 0;  // into PageLayout::clusters
  uint32_t end_cluster = 0;
};

// All that is needed to draw a page with the profile's faces; plain data.
struct PageLayout {
  int width_px = 0;  // multiples of 28, of 4 where the page is not padded to the grid
  int height_px = 0;
  int num_rows = 0;  // lines of the page, blank ones between others included
  std::vector<PlacedGlyph> glyphs;
  std::vector<PlacedBox> boxes;
  std::vector<PlacedLine> lines;
  std::vector<PlacedCluster> clusters;  // in the order of the source; empty unless asked for
};

}  // namespace glyph::render
