#include "render_service/raster/page_blitter.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "render_service/raster/hex_box.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// A page being drawn. Rows become white when the first glyph comes near, so that they are still in
// the cache when they are drawn on.
class Canvas {
 public:
  Canvas(int width, int height) : width_(width), height_(height) {
    pixels_.reserve(static_cast<size_t>(width) * static_cast<size_t>(height));
  }

  // Makes rows up to `bottom` at least, but none below the page.
  void Grow(int bottom) {
    num_rows_ = std::min(std::max(bottom, num_rows_ + kGrowRows), height_);
    pixels_.resize(static_cast<size_t>(width_) * static_cast<size_t>(num_rows_), 255);
  }

  std::vector<uint8_t> Finish() && {
    Grow(height_);
    return std::move(pixels_);
  }

  uint8_t* At(int x, int y) { return pixels_.data() + static_cast<ptrdiff_t>(y) * width_ + x; }
  int width() const { return width_; }
  int num_rows() const { return num_rows_; }

 private:
  static constexpr int kGrowRows = 32;

  const int width_;
  const int height_;
  int num_rows_ = 0;
  std::vector<uint8_t> pixels_;  // [num_rows, width], with room for all rows
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
void BlitInside(const GlyphMask& mask, int x, int y, Canvas& canvas) {
  uint8_t* pixels = canvas.At(x, y);
  const uint8_t* coverage = mask.coverage();
  if (mask.row_bytes == 8) {
    for (int row = 0; row < mask.num_rows; ++row, coverage += 8, pixels += canvas.width()) {
      Subtract<8>(coverage, pixels);
    }
    return;
  }
  for (int row = 0; row < mask.num_rows; ++row, pixels += canvas.width()) {
    for (int i = 0; i < mask.row_bytes; i += 16, coverage += 16) {
      Subtract<16>(coverage, pixels + i);
    }
  }
}

void BlitClipped(const GlyphMask& mask, int x, int y, Canvas& canvas) {
  for (int row = std::max(0, -y); row < std::min<int>(mask.num_rows, canvas.num_rows() - y);
       ++row) {
    const uint8_t* coverage = mask.coverage() + static_cast<ptrdiff_t>(row) * mask.row_bytes;
    for (int i = std::max(0, -x); i < std::min<int>(mask.row_bytes, canvas.width() - x); ++i) {
      Subtract<1>(coverage + i, canvas.At(x + i, y + row));
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> BlitPage(const PageLayout& page, GlyphMasks& masks) {
  Canvas canvas(page.width_px, page.height_px);
  for (const PlacedGlyph& glyph : page.glyphs) {
    const GlyphMask* mask = masks.Find(glyph.id);
    if (mask == nullptr) return PaintPage(page, masks.shaper());
    const int x = glyph.x + mask->left;
    const int y = glyph.y + mask->top;
    const int bottom = y + mask->num_rows;
    if (bottom > canvas.num_rows()) canvas.Grow(bottom);
    const bool is_inside =
        x >= 0 && y >= 0 && x + mask->row_bytes <= canvas.width() && bottom <= canvas.num_rows();
    if (is_inside) {
      BlitInside(*mask, x, y, canvas);
    } else {
      BlitClipped(*mask, x, y, canvas);
    }
  }
  std::vector<uint8_t> pixels = std::move(canvas).Finish();
  for (const PlacedBox& box : page.boxes) {
    DrawHexBox(box, page.width_px, page.height_px, pixels);
  }
  return pixels;
}

}  // namespace glyph::render
