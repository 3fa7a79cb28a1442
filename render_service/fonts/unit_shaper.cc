#include "render_service/fonts/unit_shaper.h"

#include <pango/pango.h>

#include <algorithm>
#include <memory>

namespace glyph::render {
namespace {

// The bit of a code point in a key that says that it is drawn as a hex box.
constexpr char32_t kBoxBit = 1U << 31;
// Of the first, what paragraph it is of.
constexpr char32_t kRtlBit = 1U << 30;
constexpr char32_t kHeadingBit = 1U << 29;

// Where UAX 14 lets a line begin: 1 or 0 of each character. Scripts that know better, those broken
// by dictionary, have no units.
void FindBreaks(const DisplayText& text, std::vector<uint8_t>& out) {
  std::vector<PangoLogAttr> attributes(text.characters.size() + 1);
  pango_default_break(text.utf8.data(), static_cast<int>(text.utf8.size()), nullptr,
                      attributes.data(), static_cast<int>(attributes.size()));
  out.clear();
  for (const PangoLogAttr& attribute : attributes) out.push_back(attribute.is_line_break != 0);
}

}  // namespace

void UnitShaper::Shape(const DisplayText& text, const ParagraphStyle& paragraph, ShapedText& out) {
  if (!cutter_.Cut(text, units_)) return shaper_.Shape(text, paragraph, out);
  Analyze(text, paragraph.is_rtl);
  out.clusters.clear();
  out.glyphs.clear();
  for (const ShapingUnit& unit : units_) {
    const auto levels = levels_.begin() + unit.begin;
    const uint8_t level = *std::max_element(levels, levels_.begin() + unit.end);
    if (unit.is_plain && level == 0 && !paragraph.is_heading) {
      AppendPlain(text, unit, out);
      continue;
    }
    const ShapedText& alone = Find(text, unit, {level > 0, paragraph.is_heading});
    if (!HasLevels(alone, unit)) return shaper_.Shape(text, paragraph, out);
    Append(alone, unit, out);
  }
}

void UnitShaper::Analyze(const DisplayText& text, bool is_rtl) {
  const auto num_bytes = static_cast<int>(text.utf8.size());
  FindBreaks(text, can_break_before_);
  levels_.assign(text.characters.size(), 0);
  if (!is_rtl && !cutter_.has_rtl()) return;
  PangoDirection direction = is_rtl ? PANGO_DIRECTION_RTL : PANGO_DIRECTION_LTR;
  const std::unique_ptr<guint8, decltype(&g_free)> levels(
      pango_log2vis_get_embedding_levels(text.utf8.data(), num_bytes, &direction), g_free);
  std::copy_n(levels.get(), levels_.size(), levels_.begin());
}

void UnitShaper::AppendPlain(const DisplayText& text, const ShapingUnit& unit,
                             ShapedText& out) const {
  for (uint32_t i = unit.begin; i < unit.end; ++i) {
    const char32_t code_point = text.characters[i].code_point;
    const PlainGlyph glyph = *glyphs_.Find(static_cast<char16_t>(code_point));
    const auto first_glyph = static_cast<uint32_t>(out.glyphs.size());
    const bool is_white = glyph.id == 0;
    if (!is_white) out.glyphs.push_back({.id = glyph.id});
    out.clusters.push_back({.first_character = i,
                            .end_character = i + 1,
                            .first_glyph = first_glyph,
                            .end_glyph = static_cast<uint32_t>(out.glyphs.size()),
                            .advance = glyph.advance,
                            .can_break_before = can_break_before_[i] != 0,
                            .is_space = code_point == ' ',
                            .is_white = is_white});
  }
}

const ShapedText& UnitShaper::Find(const DisplayText& text, const ShapingUnit& unit,
                                   const ParagraphStyle& paragraph) {
  const size_t num_characters = unit.end - unit.begin;
  if (num_characters > kMaxUnitKept) {
    ShapeAlone(text, unit, paragraph, unkept_);
    return unkept_;
  }
  key_.clear();
  for (uint32_t i = unit.begin; i < unit.end; ++i) {
    const DisplayCharacter& character = text.characters[i];
    key_ += character.code_point | (character.is_box ? kBoxBit : 0);
  }
  if (paragraph.is_rtl) key_[0] |= kRtlBit;
  if (paragraph.is_heading) key_[0] |= kHeadingBit;
  if (const auto it = kept_.find(key_); it != kept_.end()) return it->second;
  if (num_kept_ + num_characters > kMaxKept) {
    kept_.clear();
    num_kept_ = 0;
  }
  num_kept_ += num_characters;
  ShapedText& kept = kept_[key_];
  ShapeAlone(text, unit, paragraph, kept);
  return kept;
}

void UnitShaper::ShapeAlone(const DisplayText& text, const ShapingUnit& unit,
                            const ParagraphStyle& paragraph, ShapedText& out) {
  const auto characters = text.characters.begin();
  alone_text_.characters.assign(characters + unit.begin, characters + unit.end);
  const uint32_t utf8_begin = alone_text_.characters[0].utf8_begin;
  const size_t utf8_end =
      unit.end < text.characters.size() ? text.characters[unit.end].utf8_begin : text.utf8.size();
  alone_text_.utf8.assign(text.utf8, utf8_begin, utf8_end - utf8_begin);
  for (DisplayCharacter& character : alone_text_.characters) character.utf8_begin -= utf8_begin;
  shaper_.Shape(alone_text_, paragraph, out);
}

bool UnitShaper::HasLevels(const ShapedText& alone, const ShapingUnit& unit) const {
  for (const ShapedCluster& cluster : alone.clusters) {
    for (uint32_t i = cluster.first_character; i < cluster.end_character; ++i) {
      if (levels_[unit.begin + i] != cluster.bidi_level) return false;
    }
  }
  return true;
}

void UnitShaper::Append(const ShapedText& alone, const ShapingUnit& unit, ShapedText& out) const {
  const std::vector<ShapedGlyph>& glyphs = alone.glyphs;
  const auto first_glyph = static_cast<uint32_t>(out.glyphs.size());
  out.glyphs.insert(out.glyphs.end(), glyphs.begin(), glyphs.end());
  for (ShapedCluster cluster : alone.clusters) {
    cluster.first_character += unit.begin;
    cluster.end_character += unit.begin;
    cluster.first_glyph += first_glyph;
    cluster.end_glyph += first_glyph;
    cluster.can_break_before = can_break_before_[cluster.first_character] != 0;
    out.clusters.push_back(cluster);
  }
}

}  // namespace glyph::render
