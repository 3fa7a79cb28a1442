#pragma once
#include <cstdint>
#include <vector>

#include "render_service/fonts/break_rules.h"
#include "render_service/fonts/font_style.h"
#include "render_service/fonts/text_shaper.h"

namespace glyph::render {

// Pango takes it for a hyphen where it ends an item.
inline constexpr char16_t kHyphenationPoint = 0x2027;

// A plain character: one glyph, drawn at the pen, the same wherever the character stands.
struct PlainGlyph {
  uint16_t id = 0;       // glyph of the font; 0: white space
  uint16_t advance = 0;  // as ShapedCluster::advance
  BreakClass break_class = BreakClass::kLetter;
};

// The plain characters of one shaper's font, each learned from the shaper when it first comes: what
// TextShaper::Shape makes of any text of plain characters follows from the table and the rules.
// Plain are visible characters of the basic plane that the font has, of Latin, Greek, Cyrillic,
// Chinese, Japanese and Korean and common to scripts; not plain are marks, controls and emoji.
// Takes 0.5 MB, however many are learned. Not thread-safe.
class GlyphTable {
 public:
  // Whether a font of `style` has plain characters: its features that would let a glyph depend on
  // the glyphs beside it are all off.
  static bool Supports(const FontStyle& style);

  // `shaper` outlives the table; its style is supported.
  explicit GlyphTable(TextShaper& shaper);

  // Null: `code_point` is not plain.
  const PlainGlyph* Find(char16_t code_point) {
    Entry& entry = entries_[code_point];
    if (entry.state == State::kPlain) return &entry.glyph;
    return entry.state == State::kUnknown ? Learn(code_point, entry) : nullptr;
  }

  const BreakRules& break_rules() const { return break_rules_; }

 private:
  enum class State : uint8_t { kUnknown, kPlain, kNotPlain };
  struct Entry {
    PlainGlyph glyph;
    State state = State::kUnknown;
  };

  const PlainGlyph* Learn(char16_t code_point, Entry& entry);

  TextShaper& shaper_;
  const BreakRules break_rules_;
  std::vector<Entry> entries_;  // by code point
};

}  // namespace glyph::render
