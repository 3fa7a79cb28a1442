#pragma once
#include "render_service/fonts/glyph_table.h"
#include "render_service/fonts/unit_shaper.h"

namespace glyph::render {

// What was shaped once in the font of a shaper, whose style GlyphTable supports. Gives the glyphs
// that the shaper would. Not thread-safe.
struct LearnedFont {
  // `shaper` outlives this.
  explicit LearnedFont(TextShaper& shaper) : glyphs(shaper), units(shaper, glyphs) {}

  GlyphTable glyphs;
  UnitShaper units;
};

}  // namespace glyph::render
