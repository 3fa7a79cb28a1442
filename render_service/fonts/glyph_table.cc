#include "render_service/fonts/glyph_table.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace glyph::render {
namespace {

// HarfBuzz makes fractions of the digits around it.
constexpr char16_t kFractionSlash = 0x2044;

// Features that are on by default and look at neighbours, switched off.
constexpr absl::string_view kContextual[] = {"kern=0", "liga=0", "clig=0",
                                             "calt=0", "ccmp=0", "locl=0"};

bool IsPlainScript(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  switch (uscript_getScript(c, &error)) {
    case USCRIPT_COMMON:
      // With a decomposition it would depend on the script around it.
      return u_getIntPropertyValue(c, UCHAR_DECOMPOSITION_TYPE) != U_DT_CANONICAL;
    case USCRIPT_LATIN:
    case USCRIPT_GREEK:
    case USCRIPT_CYRILLIC:
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_HANGUL:
      return true;
    default:
      return false;
  }
}

bool IsLeftToRightOrNeutral(UChar32 c) {
  switch (u_charDirection(c)) {
    case U_RIGHT_TO_LEFT:
    case U_RIGHT_TO_LEFT_ARABIC:
    case U_ARABIC_NUMBER:
      return false;
    default:
      return true;
  }
}

// Whether no character beside `c` can change it, be changed by it or form a cluster with it.
bool StandsAlone(char16_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const int cluster = u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK);
  return code_point != kFractionSlash && code_point != kHyphenationPoint && u_isdefined(c) &&
         !U_IS_SURROGATE(c) &&
         (cluster == U_GCB_OTHER || cluster == U_GCB_LV || cluster == U_GCB_LVT) &&
         (U_GET_GC_MASK(c) & U_GC_M_MASK) == 0 &&
         !u_hasBinaryProperty(c, UCHAR_EMOJI_PRESENTATION) && IsPlainScript(c) &&
         IsLeftToRightOrNeutral(c);
}

// `text` as glyphs, when it is one cluster of one character that is drawn at the pen.
std::optional<PlainGlyph> ShapeAlone(char16_t code_point, TextShaper& shaper) {
  char utf8[U8_MAX_LENGTH];
  size_t length = 0;
  U8_APPEND_UNSAFE(utf8, length, code_point);
  DisplayText text;
  FillDisplayText({utf8, length}, 0, length, 1, Joiners::kBoxes, text);
  ShapedText shaped;
  shaper.Shape(text, {}, shaped);
  if (text.characters.size() != 1 || text.characters[0].is_box || shaped.clusters.size() != 1) {
    return std::nullopt;
  }
  const ShapedCluster& cluster = shaped.clusters[0];
  if (cluster.bidi_level != 0 || cluster.advance < 0 ||
      cluster.advance > std::numeric_limits<uint16_t>::max()) {
    return std::nullopt;
  }
  PlainGlyph plain = {.advance = static_cast<uint16_t>(cluster.advance)};
  if (cluster.is_white) return plain;
  if (shaped.glyphs.size() != 1) return std::nullopt;
  const ShapedGlyph& glyph = shaped.glyphs[0];
  if (glyph.is_box || glyph.x != 0 || glyph.y != 0 || glyph.id == 0 || FaceOf(glyph.id) != 0) {
    return std::nullopt;
  }
  plain.id = static_cast<uint16_t>(glyph.id);
  return plain;
}

}  // namespace

bool GlyphTable::Supports(const FontStyle& style) {
  const std::vector<absl::string_view> features = absl::StrSplit(style.features, ',');
  const auto is_listed = [&](absl::string_view feature) {
    return std::find(features.begin(), features.end(), feature) != features.end();
  };
  return std::all_of(std::begin(kContextual), std::end(kContextual), is_listed) &&
         std::all_of(features.begin(), features.end(),
                     [](absl::string_view feature) { return absl::EndsWith(feature, "=0"); });
}

GlyphTable::GlyphTable(TextShaper& shaper) : shaper_(shaper), entries_(1 << 16) {}

const PlainGlyph* GlyphTable::Learn(char16_t code_point, Entry& entry) {
  entry.state = State::kNotPlain;
  if (!StandsAlone(code_point)) return nullptr;
  const std::optional<PlainGlyph> glyph = ShapeAlone(code_point, shaper_);
  const std::optional<BreakClass> break_class = BreakRules::ClassOf(code_point);
  if (!glyph || !break_class) return nullptr;
  entry = {*glyph, State::kPlain};
  entry.glyph.break_class = *break_class;
  return &entry.glyph;
}

}  // namespace glyph::render
