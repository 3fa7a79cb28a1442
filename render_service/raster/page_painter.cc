#include "render_service/raster/page_painter.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/fonts/cairo_mutex.h"
#include "render_service/raster/glyph_canvas.h"
#include "render_service/raster/hex_box.h"

namespace glyph::render {

absl::StatusOr<std::vector<uint8_t>> PaintPage(const PageLayout& page, const TextShaper& shaper) {
  base::MutexLock lock(CairoMutex());
  std::vector<uint8_t> pixels(static_cast<size_t>(page.width_px) *
                              static_cast<size_t>(page.height_px));
  GlyphCanvas canvas(pixels.data(), page.width_px, page.height_px, shaper);
  std::vector<PenGlyph> glyphs;
  // One call a line: Cairo looks for overlaps inside a call.
  for (const PlacedLine& line : page.lines) {
    glyphs.clear();
    for (uint32_t i = line.first_glyph; i < line.end_glyph; ++i) {
      glyphs.push_back({page.glyphs[i].id, page.glyphs[i].x, page.glyphs[i].y});
    }
    canvas.Add(glyphs);
  }
  if (!canvas.Finish()) {
    return rpc::ResourceExhausted(
        "DRAWING_FAILED", absl::Seconds(1),
        absl::StrCat("a page of ", page.width_px, "x", page.height_px,
                     " px could not be drawn; try again when the renderer has memory"));
  }
  std::transform(pixels.begin(), pixels.end(), pixels.begin(),
                 [](uint8_t coverage) { return static_cast<uint8_t>(255 - coverage); });
  for (const PlacedBox& box : page.boxes) {
    DrawHexBox(box, page.width_px, page.height_px, pixels);
  }
  return pixels;
}

}  // namespace glyph::render
