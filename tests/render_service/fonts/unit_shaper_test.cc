#include "render_service/fonts/unit_shaper.h"

#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "render_service/fonts/learned_font.h"

namespace glyph::render {
namespace {

FontStyle Style() {
  FontStyle style = {"Noto Sans CJK SC", "NotoSansCJK-Regular.ttc", 2, 14,
                     "kern=0,liga=0,clig=0,calt=0,dlig=0,ccmp=0,locl=0"};
  for (const char* script :
       {"",          "Arabic",  "Hebrew",  "Devanagari", "Bengali",  "Tamil",    "Telugu",
        "Malayalam", "Thai",    "Myanmar", "Khmer",      "Gurmukhi", "Gujarati", "Oriya",
        "Kannada",   "Sinhala", "Lao",     "Georgian",   "Ethiopic", "Math",     "Symbols2"}) {
    const std::string name(script);
    style.fallback.push_back(
        {"Noto Sans" + (name.empty() ? "" : " " + name), "NotoSans" + name + "-Regular.ttf", 0});
  }
  style.fallback.push_back({"Symbola", "Symbola_hint.ttf", 0});
  style.heading = {"Noto Sans CJK SC", "NotoSansCJK-Bold.ttc", 2};
  return style;
}

std::vector<std::string> FilesOf(const FontStyle& style) {
  std::vector<std::string> files = {style.file, style.heading->file};
  for (const FontFace& face : style.fallback) files.push_back(face.file);
  return files;
}

// Texts of words in all scripts, with marks, digits, brackets and punctuation anywhere.
class RandomWords {
 public:
  std::string Text(int num_words) {
    std::string text;
    for (; num_words > 0; --num_words) {
      const Range& script = OneOf(kScripts);
      for (uint32_t length = 1 + Below(6); length > 0; --length) {
        Append(Below(8) == 0 ? OneOf(kOthers) : Below(30) == 0 ? OneOf(kScripts) : script, text);
      }
      if (Below(8) > 0) text += Below(10) == 0 ? "\u00A0" : Below(20) == 0 ? "  " : " ";
    }
    return text;
  }

 private:
  struct Range {
    char32_t first;
    char32_t last;
  };
  static constexpr Range kScripts[] = {
      {'a', 'z'},       {0xC0, 0x24F},      {0x370, 0x3FF},     {0x400, 0x4FF},   {0x531, 0x586},
      {0x5D0, 0x5EA},   {0x591, 0x5EA},     {0x620, 0x64A},     {0x600, 0x6FF},   {0x671, 0x6D3},
      {0x900, 0x97F},   {0x905, 0x939},     {0x980, 0x9FF},     {0xB80, 0xBFF},   {0xC00, 0xC7F},
      {0xD00, 0xD7F},   {0xE01, 0xE5B},     {0x1000, 0x109F},   {0x1780, 0x17F9}, {0x1100, 0x11FF},
      {0xAC00, 0xD7A3}, {0x3041, 0x30FF},   {0x4E00, 0x9FFF},   {0x4E00, 0x9FFF}, {0x2190, 0x2BFF},
      {0x27C0, 0x29FF}, {0x1D400, 0x1D7FF}, {0x1F300, 0x1F6FF}, {0xA00, 0xA7F},   {0xA80, 0xAFF},
      {0xB00, 0xB7F},   {0xC80, 0xCFF},     {0xD80, 0xDFF},     {0xE80, 0xEFF},   {0xF00, 0xFFF},
      {0x10A0, 0x10FF}, {0x1200, 0x137F}};
  static constexpr Range kOthers[] = {
      {'!', '@'},     {'[', '`'},       {'{', '~'},       {'0', '9'},       {'(', ')'},
      {0x300, 0x36F}, {0x2010, 0x205E}, {0x3001, 0x3011}, {0x964, 0x965},   {0x660, 0x669},
      {0x60C, 0x61B}, {0xFF08, 0xFF0C}, {0xA1, 0xBF},     {0x200B, 0x200F}, {0x20AC, 0x20AC}};

  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }

  template <size_t size>
  const Range& OneOf(const Range (&ranges)[size]) {
    return ranges[Below(size)];
  }

  void Append(const Range& range, std::string& text) {
    const auto c = static_cast<UChar32>(range.first + Below(range.last - range.first + 1));
    if (!u_isdefined(c)) return;
    char utf8[U8_MAX_LENGTH];
    size_t length = 0;
    U8_APPEND_UNSAFE(utf8, length, c);
    text.append(utf8, length);
  }

  std::mt19937 random_{1};
};

class UnitShaperTest : public ::testing::Test {
 protected:
  void ExpectSame(const std::string& source, const ParagraphStyle& paragraph,
                  LearnedFont& learned) {
    DisplayText text;
    FillDisplayText(source, 0, source.size(), 4096, Joiners::kShaped, text);
    ShapedText expected, actual;
    shaper_->Shape(text, paragraph, expected);
    learned.units.Shape(text, paragraph, actual);
    for (size_t i = 0; i < std::min(actual.clusters.size(), expected.clusters.size()); ++i) {
      const ShapedCluster &a = actual.clusters[i], &e = expected.clusters[i];
      SCOPED_TRACE(testing::Message()
                   << "cluster " << i << ", U+" << std::hex
                   << uint32_t{text.characters[e.first_character].code_point} << " in " << source);
      ASSERT_EQ(a.first_character, e.first_character);
      ASSERT_EQ(a.end_character, e.end_character);
      ASSERT_EQ(a.advance, e.advance);
      ASSERT_EQ(a.bidi_level, e.bidi_level);
      ASSERT_EQ(a.can_break_before, e.can_break_before);
      ASSERT_EQ(a.is_space, e.is_space);
      ASSERT_EQ(a.is_white, e.is_white);
      if (e.is_white) continue;
      ASSERT_EQ(a.end_glyph - a.first_glyph, e.end_glyph - e.first_glyph);
      for (uint32_t k = 0; k < a.end_glyph - a.first_glyph; ++k) {
        const ShapedGlyph &ag = actual.glyphs[a.first_glyph + k],
                          &eg = expected.glyphs[e.first_glyph + k];
        ASSERT_TRUE(ag.id == eg.id && ag.x == eg.x && ag.y == eg.y && ag.is_box == eg.is_box);
      }
    }
    ASSERT_EQ(actual.clusters.size(), expected.clusters.size());
  }

  const FontStyle style_ = Style();
  std::shared_ptr<const FontLibrary> library_ =
      FontLibrary::Create("/usr/share/fonts", FilesOf(style_)).value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*library_->Find(style_.file), style_).value();
  LearnedFont learned_ = LearnedFont(*shaper_);
};

// HarfBuzz turns such a run around: it has digits and no letters.
TEST_F(UnitShaperTest, SeesDigitsAfterMarksFromRightToLeft) {
  FontStyle style = Style();
  style.fallback.clear();
  shaper_ = TextShaper::Create(*library_->Find(style.file), style).value();
  LearnedFont learned(*shaper_);
  for (const char* text : {"\u065C 9", "9 \u065C", "\u065Ca 9", "9 \u065Ca", "\u0628 9",
                           "9 \u0628\u065C", "\u0628a\u065C 9", "\u06F1 9", "\u0628\u06F1 9"}) {
    ExpectSame(text, {}, learned);
    ExpectSame(text, {.is_rtl = true}, learned);
  }
}

// Each joining goes over all that is joined, so a window of them goes through Pango whole.
TEST_F(UnitShaperTest, JoinsSixteenUnitsAndNoMore) {
  ShapingUnits cutter(learned_.glyphs);
  for (const auto& [num_ones, is_cut] : {std::pair{16, true}, {17, true}, {18, false}}) {
    std::string source;
    for (int i = 0; i < num_ones; ++i) source += "1 ";
    source += "\U0001F600";
    DisplayText text;
    FillDisplayText(source, 0, source.size(), 4096, Joiners::kShaped, text);
    std::vector<ShapingUnit> units;
    EXPECT_EQ(cutter.Cut(text, units), is_cut) << num_ones;
    EXPECT_TRUE(!is_cut || units.size() == 1) << num_ones;
    ExpectSame(source, {}, learned_);
  }
}

// Beyond kMaxKept characters, so that what is kept is dropped on the way.
TEST_F(UnitShaperTest, TellsWhatTheShaperTells) {
  RandomWords random;
  const int rounds = std::getenv("GLYPH_LONG") != nullptr ? 100'000 : 1'000;
  for (int round = 0; round < rounds; ++round) {
    ExpectSame(random.Text(30), {.is_rtl = round % 2 == 1, .is_heading = round % 4 > 1}, learned_);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace glyph::render
