#pragma once
#include <cstdint>
#include <vector>

#include "render_service/layout/render_profile.h"
#include "render_service/raster/page_ink.h"

namespace glyph::render {

struct GrayImage {
  int width_px = 0;
  int height_px = 0;
  std::vector<uint8_t> pixels;  // [height_px, width_px]
};

struct PageSize {
  int width_px = 0;
  int height_px = 0;
};

// Least coverage of what cropping takes for ink.
uint8_t LeastInk(const RenderProfile& profile);

// What `profile` keeps of a page of `page` px whose ink is `ink`: under crop_margin_px as CropPage;
// under crop_last_page the height that the last page's ink and the bottom margin need.
PageSize CroppedSize(const RenderProfile& profile, bool is_last_page, PageSize page,
                     const PageInk& ink);

// Cuts what `profile` does not keep of a drawn page: all beyond its page_width_px, and as upstream
// does, what is farther than crop_margin_px from the last column with ink, and on the last page of
// a document from the last row with ink. Does nothing under a profile without crop_margin_px.
void CropPage(const RenderProfile& profile, bool is_last_page, GrayImage& page);

}  // namespace glyph::render
