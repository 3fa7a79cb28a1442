#pragma once
#include "render_service/fonts/shaped_text.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// Turns characters into positioned glyphs of one font. Not thread-safe.
class Shaper {
 public:
  virtual ~Shaper() = default;

  // Replaces `out` by the glyphs of `text`, of a paragraph that goes from right to left if
  // `is_rtl`.
  virtual void Shape(const DisplayText& text, ShapedText& out, bool is_rtl) = 0;
};

}  // namespace glyph::render
