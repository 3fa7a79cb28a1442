#pragma once
#include <cstdint>
#include <vector>

#include "render_service/layout/render_profile.h"

namespace glyph::render {

struct GrayImage {
  int width_px = 0;
  int height_px = 0;
  std::vector<uint8_t> pixels;  // [height_px, width_px]
};

// Cuts what `profile` does not keep of a drawn page: all beyond its page_width_px, and as upstream
// does, what is farther than crop_margin_px from the last column with ink, and on the last page of
// a document from the last row with ink. Does nothing under a profile that does not crop.
void CropPage(const RenderProfile& profile, bool is_last_page, GrayImage& page);

}  // namespace glyph::render
