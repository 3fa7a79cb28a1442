#include "render_service/raster/glyph_canvas.h"

#include <cairo.h>

#include <vector>

namespace glyph::render {

GlyphCanvas::GlyphCanvas(uint8_t* coverage, int width, int height, const TextShaper& shaper)
    : surface_(
          cairo_image_surface_create_for_data(coverage, CAIRO_FORMAT_A8, width, height, width)),
      context_(cairo_create(surface_)) {
  cairo_set_operator(context_, CAIRO_OPERATOR_ADD);
  cairo_set_source_rgba(context_, 0, 0, 0, 1);
  cairo_set_scaled_font(context_, shaper.scaled_font());
}

GlyphCanvas::~GlyphCanvas() {
  cairo_destroy(context_);
  cairo_surface_destroy(surface_);
}

void GlyphCanvas::Add(std::span<const PenGlyph> glyphs) {
  std::vector<cairo_glyph_t> pens;
  pens.reserve(glyphs.size());
  for (const PenGlyph& glyph : glyphs) {
    pens.push_back({glyph.id, static_cast<double>(glyph.x), static_cast<double>(glyph.y)});
  }
  cairo_show_glyphs(context_, pens.data(), static_cast<int>(pens.size()));
}

bool GlyphCanvas::Finish() {
  const bool is_drawn = cairo_status(context_) == CAIRO_STATUS_SUCCESS;
  cairo_surface_finish(surface_);
  return is_drawn;
}

}  // namespace glyph::render
