#pragma once
#include "render_service/fonts/shaped_text.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// What a paragraph asks of all its text.
struct ParagraphStyle {
  bool is_rtl = false;      // goes from right to left
  bool is_heading = false;  // set in the heading face, where the style has one
};

// Turns characters into positioned glyphs of one font. Not thread-safe.
class Shaper {
 public:
  virtual ~Shaper() = default;

  // Replaces `out` by the glyphs of `text`.
  virtual void Shape(const DisplayText& text, const ParagraphStyle& paragraph, ShapedText& out) = 0;
};

}  // namespace glyph::render
