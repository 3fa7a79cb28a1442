#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "render_service/fonts/glyph_table.h"
#include "render_service/fonts/shaper.h"
#include "render_service/fonts/shaping_units.h"
#include "render_service/fonts/text_shaper.h"

namespace glyph::render {

// What TextShaper::Shape gives of any text, each word shaped once: plain characters come from a
// table, units with others (fonts/shaping_units.h) are kept as glyphs, up to kMaxKept characters.
// Where lines may begin and how text in two directions is ordered is still asked of Pango, for the
// whole text. Not thread-safe.
class UnitShaper : public Shaper {
 public:
  static constexpr size_t kMaxKept = 1 << 15;  // about 3 MB
  // Longer ones seldom come again.
  static constexpr size_t kMaxUnitKept = 48;

  // `shaper` and `glyphs`, its table, outlive this.
  UnitShaper(TextShaper& shaper, GlyphTable& glyphs)
      : shaper_(shaper), glyphs_(glyphs), cutter_(glyphs) {}

  void Shape(const DisplayText& text, const ParagraphStyle& paragraph, ShapedText& out) override;

 private:
  // Fills can_break_before_ and levels_.
  void Analyze(const DisplayText& text, bool is_rtl);
  void AppendPlain(const DisplayText& text, const ShapingUnit& unit, ShapedText& out) const;
  // A unit as it is alone, offsets counting from its begin.
  const ShapedText& Find(const DisplayText& text, const ShapingUnit& unit,
                         const ParagraphStyle& paragraph);
  void ShapeAlone(const DisplayText& text, const ShapingUnit& unit, const ParagraphStyle& paragraph,
                  ShapedText& out);
  // Whether the directions of `unit` are those that it has in the text.
  bool HasLevels(const ShapedText& alone, const ShapingUnit& unit) const;
  void Append(const ShapedText& alone, const ShapingUnit& unit, ShapedText& out) const;

  TextShaper& shaper_;
  GlyphTable& glyphs_;
  ShapingUnits cutter_;
  absl::flat_hash_map<std::u32string, ShapedText> kept_;
  size_t num_kept_ = 0;  // characters

  // Of the text being shaped; members, so that their memory is reused.
  std::vector<ShapingUnit> units_;
  std::vector<uint8_t> levels_;            // of its characters
  std::vector<uint8_t> can_break_before_;  // 0 or 1
  std::u32string key_;
  DisplayText alone_text_;
  ShapedText unkept_;
};

}  // namespace glyph::render
