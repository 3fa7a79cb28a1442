#include "render_service/raster/page_painter.h"

#include <cairo.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/raster/hex_box.h"

namespace glyph::render {
namespace {

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct DestroyContext {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Surface = std::unique_ptr<cairo_surface_t, DestroySurface>;
using Context = std::unique_ptr<cairo_t, DestroyContext>;

// Adds the glyphs' coverage to `surface`, one call a line: Cairo looks for overlaps inside a call.
cairo_status_t DrawGlyphs(const PageLayout& page, const TextShaper& shaper,
                          cairo_surface_t* surface) {
  const Context context(cairo_create(surface));
  cairo_set_operator(context.get(), CAIRO_OPERATOR_ADD);
  cairo_set_source_rgba(context.get(), 0, 0, 0, 1);
  cairo_set_scaled_font(context.get(), shaper.scaled_font());
  std::vector<cairo_glyph_t> glyphs;
  for (const PlacedLine& line : page.lines) {
    glyphs.clear();
    for (uint32_t i = line.first_glyph; i < line.end_glyph; ++i) {
      const PlacedGlyph& glyph = page.glyphs[i];
      glyphs.push_back({glyph.id, static_cast<double>(glyph.x), static_cast<double>(glyph.y)});
    }
    cairo_show_glyphs(context.get(), glyphs.data(), static_cast<int>(glyphs.size()));
  }
  return cairo_status(context.get());
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> PaintPage(const PageLayout& page, const TextShaper& shaper) {
  std::vector<uint8_t> pixels(static_cast<size_t>(page.width_px) *
                              static_cast<size_t>(page.height_px));
  // Rows without padding: the width is a multiple of 28, and Cairo asks for one of 4.
  const Surface surface(cairo_image_surface_create_for_data(
      pixels.data(), CAIRO_FORMAT_A8, page.width_px, page.height_px, page.width_px));
  cairo_status_t status = cairo_surface_status(surface.get());
  if (status == CAIRO_STATUS_SUCCESS) status = DrawGlyphs(page, shaper, surface.get());
  if (status != CAIRO_STATUS_SUCCESS) {
    return rpc::ResourceExhausted(
        "DRAWING_FAILED", absl::Seconds(1),
        absl::StrCat("a page of ", page.width_px, "x", page.height_px,
                     " px could not be drawn; try again when the renderer has memory"));
  }
  cairo_surface_finish(surface.get());
  std::transform(pixels.begin(), pixels.end(), pixels.begin(),
                 [](uint8_t coverage) { return static_cast<uint8_t>(255 - coverage); });
  for (const PlacedBox& box : page.boxes) {
    DrawHexBox(box, page.width_px, page.height_px, pixels);
  }
  return pixels;
}

}  // namespace glyph::render
