#include "tests/render_service/pipeline/pango_baseline.h"

#include <pango/pangocairo.h>

#include <algorithm>

namespace glyph::render {
namespace {

constexpr int kWidthPx = 1024, kHeightPx = 5600, kMarginsPx = 56, kLeftPx = 32;
constexpr double kSizePx = 14, kPitchPx = 20;

PangoContext* MakeContext() {
  PangoContext* context = pango_font_map_create_context(pango_cairo_font_map_get_default());
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_ON);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  pango_cairo_context_set_font_options(context, options);
  cairo_font_options_destroy(options);
  PangoFontDescription* font = pango_font_description_from_string("Noto Sans CJK SC");
  pango_font_description_set_absolute_size(font, kSizePx * PANGO_SCALE);
  pango_context_set_font_description(context, font);
  pango_font_description_free(font);
  return context;
}

// Draws one paragraph from `y` on, on the next page where this one is full. Returns where it ends.
double DrawParagraph(std::string_view text, PangoContext* context, cairo_t* cairo, double y) {
  PangoLayout* layout = pango_layout_new(context);
  pango_layout_set_width(layout, (kWidthPx - kMarginsPx) * PANGO_SCALE);
  pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_text(layout, text.data(), static_cast<int>(text.size()));
  for (int line = 0; line < pango_layout_get_line_count(layout); ++line) {
    if (y + kPitchPx > kHeightPx) {
      y = 0;
      cairo_set_operator(cairo, CAIRO_OPERATOR_CLEAR);
      cairo_paint(cairo);
      cairo_set_operator(cairo, CAIRO_OPERATOR_OVER);
    }
    cairo_move_to(cairo, kLeftPx, y + kSizePx);
    pango_cairo_show_layout_line(cairo, pango_layout_get_line_readonly(layout, line));
    y += kPitchPx;
  }
  g_object_unref(layout);
  return y;
}

}  // namespace

void DrawWithPlainPango(std::string_view text) {
  PangoContext* context = MakeContext();
  cairo_surface_t* surface = cairo_image_surface_create(CAIRO_FORMAT_A8, kWidthPx, kHeightPx);
  cairo_t* cairo = cairo_create(surface);
  double y = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    y = DrawParagraph(text.substr(begin, end - begin), context, cairo, y);
    cairo_surface_flush(surface);
    begin = end + 1;
  }
  cairo_destroy(cairo);
  cairo_surface_destroy(surface);
  g_object_unref(context);
}

}  // namespace glyph::render
