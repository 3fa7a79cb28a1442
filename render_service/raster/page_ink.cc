#include "render_service/raster/page_ink.h"

#include <algorithm>

#include "render_service/fonts/hex_box_size.h"

namespace glyph::render {
namespace {

// The columns and rows of `mask` up to its last ink.
PageInk InkOf(const GlyphMask& mask, uint8_t least_coverage) {
  PageInk ink;
  for (int row = 0; row < mask.num_rows; ++row) {
    const uint8_t* coverage = mask.coverage() + static_cast<ptrdiff_t>(row) * mask.row_bytes;
    for (int column = mask.row_bytes; column > 0; --column) {
      if (coverage[column - 1] < least_coverage) continue;
      ink.right_px = std::max(ink.right_px, column);
      ink.bottom_px = row + 1;
      break;
    }
  }
  return ink;
}

}  // namespace

std::optional<PageInk> MeasureInk(const PageLayout& page, uint8_t least_coverage,
                                  GlyphMasks& masks) {
  PageInk ink;
  for (const PlacedGlyph& glyph : page.glyphs) {
    const GlyphMask* mask = masks.Find(glyph.id);
    if (mask == nullptr) return std::nullopt;
    const int left = glyph.x + mask->left;
    const int top = glyph.y + mask->top;
    if (left + mask->row_bytes <= ink.right_px && top + mask->num_rows <= ink.bottom_px) continue;
    const PageInk own = InkOf(*mask, least_coverage);
    if (own.bottom_px == 0) continue;
    ink.right_px = std::max(ink.right_px, left + own.right_px);
    ink.bottom_px = std::max(ink.bottom_px, top + own.bottom_px);
  }
  for (const PlacedBox& box : page.boxes) {
    ink.right_px = std::max(ink.right_px, box.x + HexBoxWidth(box.code_point));
    ink.bottom_px = std::max(ink.bottom_px, box.y - kHexBoxAscent + kHexBoxHeight);
  }
  return ink;
}

}  // namespace glyph::render
