#include "render_service/fonts/glyph_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace glyph::render {
namespace {

const FontStyle kPlainStyle = {"Noto Sans CJK SC", "NotoSansCJK-Regular.ttc", 2, 14,
                               "kern=0,liga=0,clig=0,calt=0,dlig=0,ccmp=0,locl=0"};

class GlyphTableTest : public ::testing::Test {
 protected:
  std::shared_ptr<const FontLibrary> library_ =
      FontLibrary::Create("/usr/share/fonts", {kPlainStyle.file}).value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*library_->Find(kPlainStyle.file), kPlainStyle).value();
  GlyphTable table_ = GlyphTable(*shaper_);
};

std::string ToUtf8(const std::vector<char16_t>& characters) {
  std::string utf8;
  for (const char16_t c : characters) {
    if (c < 0x80) {
      utf8 += static_cast<char>(c);
    } else if (c < 0x800) {
      utf8 += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else {
      utf8 += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
               static_cast<char>(0x80 | (c & 63))};
    }
  }
  return utf8;
}

// Characters that are not letters or ideographs come often: rules are about them.
class RandomCharacters {
 public:
  explicit RandomCharacters(GlyphTable& table) : random_(1), by_class_(kNumBreakClasses) {
    for (int c = 0; c < 0x10000; ++c) {
      const PlainGlyph* glyph = table.Find(static_cast<char16_t>(c));
      if (glyph == nullptr) continue;
      all_.push_back(static_cast<char16_t>(c));
      by_class_[static_cast<size_t>(glyph->break_class)].push_back(static_cast<char16_t>(c));
    }
  }

  char16_t Next() {
    if (random_() % 8 == 0) return static_cast<char16_t>('!' + random_() % 94);
    if (random_() % 8 == 0) return Any(all_);
    return Any(by_class_[random_() % by_class_.size()]);
  }

  const std::vector<char16_t>& all() const { return all_; }
  const std::vector<std::vector<char16_t>>& by_class() const { return by_class_; }

 private:
  char16_t Any(const std::vector<char16_t>& from) { return from[random_() % from.size()]; }

  std::mt19937 random_;
  std::vector<char16_t> all_;
  std::vector<std::vector<char16_t>> by_class_;
};

TEST_F(GlyphTableTest, TellsWhatTheShaperTellsInAnyNeighbourhood) {
  RandomCharacters random(table_);
  ASSERT_GT(random.all().size(), 30000u);
  for (const auto& characters : random.by_class()) ASSERT_FALSE(characters.empty());
  const int rounds = std::getenv("GLYPH_LONG") != nullptr ? 20000 : 500;
  for (int round = 0; round < rounds; ++round) {
    std::vector<char16_t> characters(200);
    std::vector<BreakClass> classes;
    for (char16_t& c : characters) {
      c = random.Next();
      classes.push_back(table_.Find(c)->break_class);
    }
    const std::string utf8 = ToUtf8(characters);
    DisplayText text;
    FillDisplayText(utf8, 0, utf8.size(), characters.size(), Joiners::kBoxes, text);
    ShapedText shaped;
    shaper_->Shape(text, {}, shaped);
    ASSERT_EQ(shaped.clusters.size(), characters.size());
    for (size_t i = 0; i < characters.size(); ++i) {
      const ShapedCluster& cluster = shaped.clusters[i];
      const PlainGlyph& plain = *table_.Find(characters[i]);
      SCOPED_TRACE(testing::Message()
                   << "character " << i << ", " << std::hex << (i > 0 ? int{characters[i - 1]} : 0)
                   << " " << int{characters[i]} << " in " << utf8);
      ASSERT_EQ(plain.advance, cluster.advance);
      ASSERT_EQ(plain.id == 0, cluster.is_white);
      ASSERT_EQ(plain.break_class == BreakClass::kSpace, cluster.is_space);
      ASSERT_EQ(cluster.bidi_level, 0);
      if (i > 0) {
        ASSERT_EQ(table_.break_rules().CanBreakBefore(classes, i), cluster.can_break_before);
      }
      if (cluster.is_white) continue;
      ASSERT_EQ(cluster.end_glyph - cluster.first_glyph, 1u);
      const ShapedGlyph& glyph = shaped.glyphs[cluster.first_glyph];
      ASSERT_FALSE(glyph.is_box);
      ASSERT_EQ(plain.id, glyph.id);
      ASSERT_EQ(glyph.x, 0);
      ASSERT_EQ(glyph.y, 0);
    }
  }
}

TEST_F(GlyphTableTest, HasTheCharactersOfEverydayText) {
  for (char16_t c = ' '; c < 0x7F; ++c) EXPECT_NE(table_.Find(c), nullptr) << int{c};
  for (const char16_t c :
       u"\u00A0\u00E9\u2013\u2014\u2018\u201D\u2026\u3000\u3001\u3002\u4E2D"
       u"\u6587\u3042\u30A2\uAC00\uFF0C\u0416\u03B1\u2192\u2500\u00A9") {
    EXPECT_TRUE(c == 0 || table_.Find(c) != nullptr) << int{c};
  }
}

TEST_F(GlyphTableTest, LeavesToTheShaperWhatDependsOnItsNeighbours) {
  for (const char16_t c :
       u"\t\x01\x7F\u00AD\u0301\u05D0\u0627\u0660\u0905\u0E01\u1100\u200B\u200D"
       u"\u202E\u2044\u231A\u302A\u3099\uE000\uFE0F\uFEFF\uFF9E\uFFFC\uFFFF") {
    EXPECT_EQ(table_.Find(c), nullptr) << int{c};
  }
}

TEST_F(GlyphTableTest, NeedsContextualFeaturesToBeOff) {
  FontStyle style = kPlainStyle;
  EXPECT_TRUE(GlyphTable::Supports(style));
  for (const char* features : {"", "kern=0", "kern=0,liga=0,clig=0,calt=0,ccmp=0,locl=1",
                               "kern=0,liga=0,clig=0,calt=0,ccmp=0,locl=0,frac=1",
                               "xkern=0,liga=0,clig=0,calt=0,ccmp=0,locl=0",
                               "kern=0,liga=0,clig=0,calt=0,ccmp=0,locl=0,"}) {
    style.features = features;
    EXPECT_FALSE(GlyphTable::Supports(style)) << features;
  }
}

}  // namespace
}  // namespace glyph::render
