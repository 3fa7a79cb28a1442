#include "render_service/raster/glyph_masks.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "render_service/fonts/cairo_mutex.h"
#include "render_service/layout/page_layout.h"
#include "render_service/raster/glyph_canvas.h"

namespace glyph::render {
namespace {

// Room around the extents that the font promises.
constexpr int kRoomPx = 2;

// Coverage in a rectangle around the pen.
struct Drawing {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
  std::vector<uint8_t> coverage;  // [height, width]

  const uint8_t* Row(int row) const {
    return coverage.data() + static_cast<size_t>(row) * static_cast<size_t>(width);
  }
};

std::optional<Drawing> DrawGlyph(uint32_t id, const TextShaper& shaper) {
  base::MutexLock lock(CairoMutex());
  const cairo_glyph_t glyph = {GlyphOf(id), 0, 0};
  cairo_text_extents_t extents;
  cairo_scaled_font_glyph_extents(shaper.scaled_font(FaceOf(id)), &glyph, 1, &extents);
  Drawing out;
  out.left = static_cast<int>(std::floor(extents.x_bearing)) - kRoomPx;
  out.top = static_cast<int>(std::floor(extents.y_bearing)) - kRoomPx;
  const int right = static_cast<int>(std::ceil(extents.x_bearing + extents.width)) + kRoomPx;
  const int bottom = static_cast<int>(std::ceil(extents.y_bearing + extents.height)) + kRoomPx;
  out.width = (right - out.left + 3) / 4 * 4;
  out.height = bottom - out.top;
  out.coverage.resize(static_cast<size_t>(out.width) * static_cast<size_t>(out.height));
  GlyphCanvas canvas(out.coverage.data(), out.width, out.height, shaper);
  const PenGlyph pen = {id, -out.left, -out.top};
  canvas.Add({&pen, 1});
  if (!canvas.Finish()) return std::nullopt;
  return out;
}

// The rectangle of `drawing` that is not 0, as the head of a mask; and its first column and
// row in `drawing`.
GlyphMask Crop(const Drawing& drawing, int& column, int& row) {
  int left = drawing.width, right = 0, top = drawing.height, bottom = 0;
  for (int y = 0; y < drawing.height; ++y) {
    for (int x = 0; x < drawing.width; ++x) {
      if (drawing.Row(y)[x] == 0) continue;
      left = std::min(left, x), right = std::max(right, x + 1);
      top = std::min(top, y), bottom = std::max(bottom, y + 1);
    }
  }
  if (right == 0) return {};
  column = left, row = top;
  const int width = right - left;
  return {.left = static_cast<int16_t>(drawing.left + left),
          .top = static_cast<int16_t>(drawing.top + top),
          .num_rows = static_cast<uint16_t>(bottom - top),
          .row_bytes = static_cast<uint16_t>(width <= 8 ? 8 : (width + 15) / 16 * 16)};
}

}  // namespace

GlyphMasks::GlyphMasks(const TextShaper& shaper)
    : shaper_(shaper),
      offsets_(shaper.units_per_px() == 1 ? kNumGlyphs : 2 * kMarkShade, kNotDrawn) {}

const GlyphMask* GlyphMasks::FindFallback(uint32_t id) {
  auto it = fallback_offsets_.find(id);
  if (it == fallback_offsets_.end()) {
    if (FaceOf(id) >= shaper_.num_faces() || !Draw(id)) return nullptr;
    it = fallback_offsets_.find(id);
  }
  return reinterpret_cast<const GlyphMask*>(bytes_.data() + it->second);
}

bool GlyphMasks::Draw(uint32_t id) {
  const std::optional<Drawing> drawing = DrawGlyph(id, shaper_);
  if (!drawing) return false;
  int column = 0, row = 0;
  const GlyphMask mask = Crop(*drawing, column, row);
  const size_t size = sizeof(GlyphMask) + size_t{mask.num_rows} * mask.row_bytes;
  if (bytes_.size() + size > kMaxBytes) {
    bytes_.clear();
    std::fill(offsets_.begin(), offsets_.end(), kNotDrawn);
    fallback_offsets_.clear();
  }
  const size_t offset = bytes_.size();
  bytes_.resize(offset + size);
  std::memcpy(bytes_.data() + offset, &mask, sizeof(GlyphMask));
  for (int y = 0; y < mask.num_rows; ++y) {
    std::memcpy(
        bytes_.data() + offset + sizeof(GlyphMask) + static_cast<size_t>(y) * mask.row_bytes,
        drawing->Row(row + y) + column,
        static_cast<size_t>(std::min<int>(mask.row_bytes, drawing->width - column)));
  }
  (id < offsets_.size() ? offsets_[id] : fallback_offsets_[id]) = static_cast<uint32_t>(offset);
  return true;
}

}  // namespace glyph::render
