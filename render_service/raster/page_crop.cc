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

void CropPage(const RenderProfile& profile, bool is_last_page, GrayImage& page) {
  if (profile.crop_margin_px == 0) return;
  const int room = std::min(page.width_px, profile.page_width_px);
  const int columns = InkColumns(page, room);
  const int width = columns > 0 ? std::min(room, columns + profile.crop_margin_px) : room;
  if (is_last_page) {
    const int last_row = LastInkRow(page, room);
    if (last_row >= 0) {
      page.height_px = std::clamp(last_row + profile.crop_margin_px, 1, page.height_px);
    }
  }
  for (int y = 1; y < page.height_px; ++y) {
    std::memmove(page.pixels.data() + static_cast<ptrdiff_t>(y) * width,
                 page.pixels.data() + static_cast<ptrdiff_t>(y) * page.width_px,
                 static_cast<size_t>(width));
  }
  page.width_px = width;
  page.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(page.height_px));
}

}  // namespace glyph::render
