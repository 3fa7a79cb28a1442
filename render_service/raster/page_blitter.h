#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "render_service/layout/page_layout.h"
#include "render_service/raster/glyph_masks.h"

namespace glyph::render {

// The bytes of PaintPage (page_painter.h), from masks: subtracting coverages from white, down to
// black, is what Cairo's adding of coverages comes to. RESOURCE_EXHAUSTED as there.
absl::StatusOr<std::vector<uint8_t>> BlitPage(const PageLayout& page, GlyphMasks& masks);

}  // namespace glyph::render
