#pragma once
#include <cstdint>
#include <optional>

#include "render_service/layout/page_layout.h"
#include "render_service/raster/glyph_masks.h"

namespace glyph::render {

// Where a page's ink ends: the first column and the first row beyond all of it.
struct PageInk {
  int right_px = 0;
  int bottom_px = 0;
};

// The ink that BlitPage would draw of `page`, without drawing it: where a single glyph covers a
// pixel by at least `least_coverage`, above 0. Not cut at the page's edges. nullopt: a glyph cannot
// be drawn as memory is lacking.
std::optional<PageInk> MeasureInk(const PageLayout& page, uint8_t least_coverage,
                                  GlyphMasks& masks);

}  // namespace glyph::render
