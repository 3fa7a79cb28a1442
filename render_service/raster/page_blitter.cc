#include "render_service/raster/page_blitter.h"

#include <algorithm>
#include <cstring>

#include "render_service/raster/hex_box.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// A page being drawn.
struct Canvas {
  uint8_t* At(int x, int y) const { return pixels + static_cast<ptrdiff_t>(y) * width + x; }

  uint8_t* pixels;
  int width;
  int height;
};

// Subtracts `kBytes` of coverage. The compiler makes vector instructions of it.
template <int kBytes>
void Subtract(const uint8_t* coverage, uint8_t* pixels) {
  uint8_t row[kBytes];
  std::memcpy(row, pixels, kBytes);
  for (int i = 0; i < kBytes; ++i) {
    row[i] = static_cast<uint8_t>(std::max(row[i], coverage[i]) - coverage[i]);
  }
  std::memcpy(pixels, row, kBytes);
}

// Blits a mask that lies inside the page with all of its columns.
void BlitInside(const GlyphMask& mask, int x, int y, const Canvas& canvas) {
  uint8_t* pixels = canvas.At(x, y);
  const uint8_t* coverage = mask.coverage();
  if (mask.row_bytes == 8) {
    for (int row = 0; row < mask.num_rows; ++row, coverage += 8, pixels += canvas.width) {
      Subtract<8>(coverage, pixels);
    }
    return;
  }
  for (int row = 0; row < mask.num_rows; ++row, pixels += canvas.width) {
    for (int i = 0; i < mask.row_bytes; i += 16, coverage += 16) {
      Subtract<16>(coverage, pixels + i);
    }
  }
}

void BlitClipped(const GlyphMask& mask, int x, int y, const Canvas& canvas) {
  for (int row = std::max(0, -y); row < std::min<int>(mask.num_rows, canvas.height - y); ++row) {
    const uint8_t* coverage = mask.coverage() + static_cast<ptrdiff_t>(row) * mask.row_bytes;
    for (int i = std::max(0, -x); i < std::min<int>(mask.row_bytes, canvas.width - x); ++i) {
      Subtract<1>(coverage + i, canvas.At(x + i, y + row));
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> BlitPage(const PageLayout& page, GlyphMasks& masks) {
  std::vector<uint8_t> pixels(
      static_cast<size_t>(page.width_px) * static_cast<size_t>(page.height_px), 255);
  const Canvas canvas = {pixels.data(), page.width_px, page.height_px};
  for (const PlacedGlyph& glyph : page.glyphs) {
    const GlyphMask* mask = masks.Find(glyph.id);
    if (!mask) return PaintPage(page, masks.shaper());
    const int x = glyph.x + mask->left;
    const int y = glyph.y + mask->top;
    const bool is_inside = x >= 0 && y >= 0 && x + mask->row_bytes <= canvas.width &&
                           y + mask->num_rows <= canvas.height;
    if (is_inside) {
      BlitInside(*mask, x, y, canvas);
    } else {
      BlitClipped(*mask, x, y, canvas);
    }
  }
  for (const PlacedBox& box : page.boxes) {
    DrawHexBox(box, page.width_px, page.height_px, pixels);
  }
  return pixels;
}

}  // namespace glyph::render
