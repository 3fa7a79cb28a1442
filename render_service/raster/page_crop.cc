#include "render_service/raster/page_crop.h"

#include <algorithm>
#include <cstring>

namespace glyph::render {
namespace {

// Lighter pixels are no ink to upstream, whose background is 255.
constexpr uint8_t kInkBelow = 250;

bool IsInk(uint8_t pixel) { return pixel < kInkBelow; }

// Columns up to the last one with ink, of the first `width`.
int InkColumns(const GrayImage& page, int width) {
  int columns = 0;
  for (int y = 0; y < page.height_px; ++y) {
    const uint8_t* row = page.pixels.data() + static_cast<ptrdiff_t>(y) * page.width_px;
    for (int x = width; x > columns; --x) {
      if (IsInk(row[x - 1])) columns = x;
    }
  }
  return columns;
}

// The last row with ink in the first `width` columns; -1: there is none.
int LastInkRow(const GrayImage& page, int width) {
  int y = page.height_px - 1;
  for (; y >= 0; --y) {
    const uint8_t* row = page.pixels.data() + static_cast<ptrdiff_t>(y) * page.width_px;
    if (std::any_of(row, row + width, IsInk)) break;
  }
  return y;
}

}  // namespace

uint8_t LeastInk(const RenderProfile& profile) {
  return profile.crop_margin_px > 0 ? 255 - kInkBelow + 1 : 1;
}

PageSize CroppedSize(const RenderProfile& profile, bool is_last_page, PageSize page,
                     const PageInk& ink) {
  if (profile.crop_margin_px > 0) {
    const int room = std::min(page.width_px, profile.page_width_px);
    page.width_px =
        ink.right_px > 0 ? std::min(room, ink.right_px + profile.crop_margin_px) : room;
    if (is_last_page && ink.bottom_px > 0) {
      page.height_px = std::clamp(ink.bottom_px - 1 + profile.crop_margin_px, 1, page.height_px);
    }
  } else if (profile.crop_last_page && is_last_page) {
    page.height_px = std::min(page.height_px, profile.HeightFor(ink.bottom_px));
  }
  return page;
}

void CropPage(const RenderProfile& profile, bool is_last_page, GrayImage& page) {
  if (profile.crop_margin_px == 0) return;
  const int room = std::min(page.width_px, profile.page_width_px);
  const PageInk ink = {InkColumns(page, room), is_last_page ? LastInkRow(page, room) + 1 : 0};
  const PageSize size = CroppedSize(profile, is_last_page, {page.width_px, page.height_px}, ink);
  const int width = size.width_px;
  page.height_px = size.height_px;
  for (int y = 1; y < page.height_px; ++y) {
    std::memmove(page.pixels.data() + static_cast<ptrdiff_t>(y) * width,
                 page.pixels.data() + static_cast<ptrdiff_t>(y) * page.width_px,
                 static_cast<size_t>(width));
  }
  page.width_px = width;
  page.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(page.height_px));
}

}  // namespace glyph::render
