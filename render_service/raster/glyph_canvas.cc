#include "render_service/raster/glyph_canvas.h"

#include <cairo-ft.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include <algorithm>
#include <vector>

#include "render_service/layout/page_layout.h"

namespace glyph::render {
namespace {

constexpr int kOutlineUnits = 64;  // of FreeType's outlines, to a pixel
// 255 less the gray that PIL makes of red.
constexpr int kMarkCoverage = 255 - 76;

bool IsForCairo(uint32_t id) { return QuartersOf(id) == 0 && (id & kMarkShade) == 0; }

bool RenderGlyph(FT_Face face, uint32_t id) {
  if (FT_Load_Glyph(face, GlyphOf(id), FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP) != 0) return false;
  FT_Outline_Translate(&face->glyph->outline, QuartersOf(id) * kOutlineUnits / 4, 0);
  return FT_Render_Glyph(face->glyph, FT_RENDER_MODE_NORMAL) == 0;
}

// Adds `bitmap` with its top left corner at `left`, `top` to `coverage`, rows of `width`.
// Full coverage of the bitmap adds `full`.
void AddBitmap(const FT_Bitmap& bitmap, int full, int left, int top, int width,
               std::span<uint8_t> coverage) {
  const int height = static_cast<int>(coverage.size() / static_cast<size_t>(width));
  for (int y = std::max(0, -top); y < std::min<int>(bitmap.rows, height - top); ++y) {
    const uint8_t* from = bitmap.buffer + static_cast<ptrdiff_t>(y) * bitmap.pitch;
    uint8_t* to = coverage.data() + static_cast<ptrdiff_t>(top + y) * width + left;
    for (int x = std::max(0, -left); x < std::min<int>(bitmap.width, width - left); ++x) {
      to[x] = static_cast<uint8_t>(std::min(to[x] + from[x] * full / 255, 255));
    }
  }
}

}  // namespace

GlyphCanvas::GlyphCanvas(uint8_t* coverage, int width, int height, const TextShaper& shaper)
    : coverage_(coverage, static_cast<size_t>(width) * static_cast<size_t>(height)),
      width_(width),
      shaper_(shaper),
      surface_(
          cairo_image_surface_create_for_data(coverage, CAIRO_FORMAT_A8, width, height, width)),
      context_(cairo_create(surface_)) {
  cairo_set_operator(context_, CAIRO_OPERATOR_ADD);
  cairo_set_source_rgba(context_, 0, 0, 0, 1);
}

GlyphCanvas::~GlyphCanvas() {
  cairo_destroy(context_);
  cairo_surface_destroy(surface_);
}

void GlyphCanvas::Add(std::span<const PenGlyph> glyphs) {
  AddThroughCairo(glyphs);
  const bool needs_freetype = std::any_of(
      glyphs.begin(), glyphs.end(), [](const PenGlyph& glyph) { return !IsForCairo(glyph.id); });
  if (needs_freetype) AddThroughFreeType(glyphs);
}

void GlyphCanvas::AddThroughCairo(std::span<const PenGlyph> glyphs) {
  std::vector<cairo_glyph_t> pens;
  pens.reserve(glyphs.size());
  uint32_t face = 0;
  const auto show = [&] {
    cairo_set_scaled_font(context_, shaper_.scaled_font(face));
    cairo_show_glyphs(context_, pens.data(), static_cast<int>(pens.size()));
    pens.clear();
  };
  for (const PenGlyph& glyph : glyphs) {
    if (!IsForCairo(glyph.id)) continue;
    if (FaceOf(glyph.id) != face && !pens.empty()) show();
    face = FaceOf(glyph.id);
    pens.push_back({GlyphOf(glyph.id), static_cast<double>(glyph.x), static_cast<double>(glyph.y)});
  }
  show();
}

void GlyphCanvas::AddThroughFreeType(std::span<const PenGlyph> glyphs) {
  cairo_surface_flush(surface_);
  cairo_scaled_font_t* font = shaper_.scaled_font(0);
  FT_Face face = cairo_ft_scaled_font_lock_face(font);
  for (const PenGlyph& glyph : glyphs) {
    if (IsForCairo(glyph.id)) continue;
    if (face == nullptr || !RenderGlyph(face, glyph.id)) {
      is_drawn_ = false;
      continue;
    }
    const FT_GlyphSlot slot = face->glyph;
    const int full = (glyph.id & kMarkShade) != 0 ? kMarkCoverage : 255;
    AddBitmap(slot->bitmap, full, glyph.x + slot->bitmap_left, glyph.y - slot->bitmap_top, width_,
              coverage_);
  }
  if (face != nullptr) cairo_ft_scaled_font_unlock_face(font);
  cairo_surface_mark_dirty(surface_);
}

bool GlyphCanvas::Finish() {
  const bool is_drawn = is_drawn_ && cairo_status(context_) == CAIRO_STATUS_SUCCESS;
  cairo_surface_finish(surface_);
  return is_drawn;
}

}  // namespace glyph::render
