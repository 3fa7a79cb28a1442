#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "render_service/fonts/text_shaper.h"
#include "render_service/layout/page_layout.h"

namespace glyph::render {

// Draws `page` with the faces of `shaper`, whose glyph ids it holds: gray8 [height_px, width_px],
// black on white. Coverages of glyphs that overlap add up, saturating at black, so the order of
// drawing does not matter. RESOURCE_EXHAUSTED when memory for the page is lacking.
absl::StatusOr<std::vector<uint8_t>> PaintPage(const PageLayout& page, const TextShaper& shaper);

}  // namespace glyph::render
