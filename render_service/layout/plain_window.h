#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "render_service/fonts/glyph_table.h"

namespace glyph::render {

// A stretch of one hard line that consists of plain characters only (fonts/glyph_table.h): what
// DisplayText and ShapedText say of it, as arrays. Each character is one cluster of at most one
// glyph, from left to right.
class PlainWindow {
 public:
  // Becomes source[begin, end), or as much of it as FillDisplayText takes at once. false: not all
  // of that is plain, and the window holds nothing of use.
  bool Fill(std::string_view source, size_t begin, size_t end, size_t max_characters,
            GlyphTable& table);

  size_t size() const { return size_; }
  // Glyph of character `i`; 0: white space.
  uint16_t glyph(size_t i) const { return glyphs_[i]; }
  // Pens of the characters in px from the window's begin, and the pen after the last.
  std::span<const uint32_t> pens() const { return {pens_.data(), size_ + 1}; }
  // Source offset of character `i`, or of what follows the last one.
  uint32_t source(size_t i) const { return sources_[i]; }
  std::span<const BreakClass> break_classes() const { return {break_classes_.data(), size_}; }

 private:
  void Reserve(size_t num_characters);

  size_t size_ = 0;
  std::vector<uint16_t> glyphs_;  // all with room for more than size_
  std::vector<BreakClass> break_classes_;
  std::vector<uint32_t> pens_;
  std::vector<uint32_t> sources_;
};

}  // namespace glyph::render
