#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "render_service/fonts/text_shaper.h"

typedef struct _cairo_surface cairo_surface_t;  // NOLINT: cairo's own name
typedef struct _cairo cairo_t;                  // NOLINT: cairo's own name

namespace glyph::render {

struct PenGlyph {
  uint32_t id = 0;  // number, face, quarters and shade (layout/page_layout.h)
  int x = 0;        // pen, px from the canvas's top left corner
  int y = 0;
};

// Adds coverages of glyphs to A8 memory through Cairo; all glyphs of this service are drawn here.
// Cairo 1.16 knows whole pixels only: glyphs on quarters of them, and shaded ones, are drawn as it
// draws those, by FreeType from the same outlines.
// Not thread-safe; its owner holds CairoMutex from before its construction to its destruction.
class GlyphCanvas {
 public:
  // `coverage` [height, width] outlives the canvas, and so does `shaper`, whose font is drawn.
  // `width` is a multiple of 4, as Cairo asks of rows without padding.
  GlyphCanvas(uint8_t* coverage, int width, int height, const TextShaper& shaper);
  ~GlyphCanvas();
  GlyphCanvas(const GlyphCanvas&) = delete;
  GlyphCanvas& operator=(const GlyphCanvas&) = delete;

  void Add(std::span<const PenGlyph> glyphs);

  // Brings all coverage to memory. false: something could not be drawn, as memory is lacking.
  [[nodiscard]] bool Finish();

 private:
  // Those that Cairo draws.
  void AddThroughCairo(std::span<const PenGlyph> glyphs);
  // The others, which are of face 0.
  void AddThroughFreeType(std::span<const PenGlyph> glyphs);

  const std::span<uint8_t> coverage_;
  const int width_;
  const TextShaper& shaper_;
  bool is_drawn_ = true;
  cairo_surface_t* surface_;
  cairo_t* context_;
};

}  // namespace glyph::render
