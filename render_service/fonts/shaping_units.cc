#include "render_service/fonts/shaping_units.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "render_service/text/grapheme.h"

namespace glyph::render {
namespace {

UScriptCode ScriptOf(UChar32 c) {
  UErrorCode error = U_ZERO_ERROR;
  return uscript_getScript(c, &error);
}

bool IsRightToLeft(UChar32 c) {
  switch (u_charDirection(c)) {
    case U_RIGHT_TO_LEFT:
    case U_RIGHT_TO_LEFT_ARABIC:
    case U_ARABIC_NUMBER:
      return true;
    default:
      return false;
  }
}

constexpr int kMaxJoined = 16;

}  // namespace

uint16_t ShapingUnits::Learn(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const uint32_t category = U_GET_GC_MASK(c);
  const PlainGlyph* plain =
      code_point < basic_.size() ? glyphs_.Find(static_cast<char16_t>(code_point)) : nullptr;
  const UScriptCode script = ScriptOf(c);
  const bool has_script =
      script != USCRIPT_COMMON && script != USCRIPT_INHERITED && script != USCRIPT_UNKNOWN;
  unsigned traits = kKnown;
  if (plain != nullptr) traits |= kPlain | kAnyScript;
  if (plain != nullptr && plain->break_class == BreakClass::kIdeograph) traits |= kIdeograph;
  if (plain != nullptr ||
      (has_script && !ExtendsGrapheme(code_point) && (category & U_GC_M_MASK) == 0)) {
    traits |= kBegins;
  }
  if (has_script) traits |= kHasScript;
  if ((category & (U_GC_PS_MASK | U_GC_PI_MASK)) != 0 || c == '<') traits |= kOpens;
  if ((category & (U_GC_PE_MASK | U_GC_PF_MASK)) != 0 || c == '>') traits |= kCloses;
  if (IsRightToLeft(c)) traits |= kRtl;
  if (uscript_isRightToLeft(script)) {
    traits |= (category & U_GC_L_MASK) != 0 ? kRtlLetter : kRtlOther;
  }
  // Scripts that are broken by dictionary take punctuation around them along.
  const bool has_dictionary = u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT;
  if (code_point == kHyphenationPoint || has_dictionary) traits |= kNoUnits;
  return static_cast<uint16_t>(traits);
}

uint16_t ShapingUnits::TraitsOf(const DisplayCharacter& character) {
  if (character.is_box) return kKnown | kAnyScript | kBegins;
  if (character.code_point >= basic_.size()) return Learn(character.code_point);
  uint16_t& traits = basic_[character.code_point];
  if (traits == 0) traits = Learn(character.code_point);
  return traits;
}

ShapingUnits::State ShapingUnits::Continue(State state, size_t begin, size_t end) const {
  for (size_t i = begin; i < end; ++i) {
    const uint16_t traits = traits_[i];
    state.is_plain = state.is_plain && (traits & kPlain) != 0;
    // A mark is drawn with its base if that has a script of its own or takes the mark's.
    const bool is_script_here = (traits & kHasScript) != 0 && (traits & kBegins) != 0;
    // And what comes before a script and has none may be one with it or with what is to the left.
    if (!state.has_script && (traits & kAnyScript) == 0 && (!is_script_here || state.has_begun)) {
      state.depends_on_left = true;
    }
    state.has_begun = true;
    state.has_script = state.has_script || is_script_here;
    if ((traits & kHasScript) != 0 && (traits & kRtlOther) == 0) {
      state.has_rtl_letter = (traits & kRtlLetter) != 0;
    }
    if ((traits & kRtlOther) != 0 && !state.has_rtl_letter) state.depends_on_digits = true;
    if ((traits & kOpens) != 0) ++state.open_pairs;
    if ((traits & kCloses) == 0) continue;
    state.has_script = state.has_script && state.open_pairs > 0;
    state.open_pairs -= state.open_pairs > 0;
  }
  return state;
}

bool ShapingUnits::CanBeginAt(const DisplayText& text, size_t i) const {
  if ((traits_[i - 1] & kPlain) == 0) return false;
  if ((traits_[i] & kIdeograph) != 0) return true;
  return text.characters[i - 1].code_point == ' ' && (traits_[i] & kBegins) != 0;
}

bool ShapingUnits::Cut(const DisplayText& text, std::vector<ShapingUnit>& units) {
  units.clear();
  states_.clear();
  traits_.clear();
  unsigned all = 0;
  for (const DisplayCharacter& character : text.characters) {
    traits_.push_back(TraitsOf(character));
    all |= traits_.back();
  }
  has_rtl_ = (all & kRtl) != 0;
  if ((all & kNoUnits) != 0) return false;
  const size_t size = traits_.size();
  for (size_t begin = 0, end = 0; begin < size; begin = end) {
    for (end = begin + 1; end < size && !CanBeginAt(text, end);) ++end;
    units.push_back({.begin = static_cast<uint32_t>(begin)});
    states_.push_back(Continue({}, begin, end));
    // One with the units before it, up to one that tells its script, or to all of the text.
    for (int i = 0; states_.back().depends_on_left && units.size() > 1; ++i) {
      if (i == kMaxJoined) return false;  // each goes over all joined before
      units.pop_back();
      states_.pop_back();
      states_.back() = Continue(states_.back(), units.back().end, end);
    }
    if (states_.back().depends_on_digits) return false;
    units.back().end = static_cast<uint32_t>(end);
    units.back().is_plain = states_.back().is_plain;
  }
  return true;
}

}  // namespace glyph::render
