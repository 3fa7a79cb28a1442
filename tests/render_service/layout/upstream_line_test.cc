#include "render_service/layout/upstream_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

// Breaks texts of a font whose Latin letters are half as wide as Chinese characters, all of them:
// widths are counted in Latin letters.
class UpstreamLineTest : public ::testing::Test {
 protected:
  using Break = std::optional<UpstreamLine> (&)(const UpstreamWindow&, size_t, double, bool);

  // The lines of `text`, an underscore for each space that is drawn on one.
  std::vector<std::string> Lines(const std::string& text, double letters, Break break_line) {
    EXPECT_TRUE(plain_.Fill(text, 0, text.size(), 4096, learned_.glyphs));
    window_.Fill(text, plain_, {.space = kLetter});
    std::vector<std::string> lines;
    shrinks_.clear();
    for (size_t begin = 0; begin < window_.size();) {
      const auto line = break_line(window_, begin, letters * kLetter, /*paragraph_ends=*/true);
      lines.push_back(Show(text, line->span));
      shrinks_.push_back(line->shrink / kLetter);
      begin = line->span.next;
    }
    return lines;
  }
  std::vector<std::string> AtSpaces(const std::string& text, double letters) {
    return Lines(text, letters, BreakAtSpaces);
  }
  std::vector<std::string> BetweenCharacters(const std::string& text, double letters) {
    return Lines(text, letters, BreakBetweenCharacters);
  }

  static constexpr uint32_t kLetter = 500;  // font units
  std::vector<double> shrinks_;             // of the lines, in letters a space
  UpstreamWindow window_;                   // of the text broken last

 private:
  std::string Show(const std::string& text, const LineSpan& span) const {
    std::string line;
    for (size_t i = span.begin; i < span.end; ++i) {
      const UpstreamKind kind = window_.kinds()[i];
      if (kind == UpstreamKind::kText) {
        line += text.substr(plain_.source(i), plain_.source(i + 1) - plain_.source(i));
      } else if (kind != UpstreamKind::kNothing) {
        line += '_';
      }
    }
    return line;
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> profile_ = catalog_->Find("glyph-upstream").value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*profile_->font_file, *profile_->profile.han_font).value();
  LearnedFont learned_ = LearnedFont(*shaper_);
  PlainWindow plain_;
};

using Strings = std::vector<std::string>;

TEST_F(UpstreamLineTest, BreaksAtSpacesAndDropsThem) {
  EXPECT_EQ(AtSpaces("one two three", 7), (Strings{"one_two", "three"}));
  EXPECT_EQ(AtSpaces("one two three", 6.9), (Strings{"one", "two", "three"}));
  EXPECT_EQ(AtSpaces(" one ", 9), (Strings{"one"}));
  EXPECT_EQ(AtSpaces("\t", 9), (Strings{""}));
}

TEST_F(UpstreamLineTest, TakesWhiteSpaceForOneSpaceButRunsOfSpacesForHardOnes) {
  EXPECT_EQ(AtSpaces("a\t \tb", 9), (Strings{"a_b"}));
  EXPECT_EQ(AtSpaces("a\u3000b", 9), (Strings{"a_b"}));
  EXPECT_EQ(AtSpaces("  a   b", 9), (Strings{"__a___b"}));
  EXPECT_EQ(AtSpaces("aa b  c\u00A0d", 7), (Strings{"aa", "b__c_d"}));
}

TEST_F(UpstreamLineTest, CutsOnlyWordsLongerThanALine) {
  EXPECT_EQ(AtSpaces("a bbbbb", 5), (Strings{"a", "bbbbb"}));
  EXPECT_EQ(AtSpaces("a bbbbbbbb c", 5), (Strings{"a_bbb", "bbbbb", "c"}));
  EXPECT_EQ(AtSpaces("aaaaa bbbbbb", 5), (Strings{"aaaaa", "bbbbb", "b"}));
  EXPECT_EQ(AtSpaces("ab", 0.5), (Strings{"a", "b"}));
}

// Two words before the third may lend it a tenth of a space.
TEST_F(UpstreamLineTest, MakesSpacesNarrowerForOneWordMore) {
  EXPECT_EQ(AtSpaces("aa bb cc dd", 7.91), (Strings{"aa_bb_cc", "dd"}));
  EXPECT_NEAR(shrinks_[0], 0.09 / 2, 1e-6);
  EXPECT_EQ(shrinks_[1], 0);
  EXPECT_EQ(AtSpaces("aa bb cc dd", 7.89), (Strings{"aa_bb", "cc_dd"}));
}

TEST_F(UpstreamLineTest, BreaksChineseAnywhereAndHangsPunctuation) {
  EXPECT_EQ(BetweenCharacters("\u4E2D\u6587\u5B57", 4), (Strings{"\u4E2D\u6587", "\u5B57"}));
  EXPECT_EQ(BetweenCharacters("\u4E2D\u6587\u3002\u5B57", 4),
            (Strings{"\u4E2D\u6587\u3002", "\u5B57"}));
}

TEST_F(UpstreamLineTest, CutsNoLatinWordWhereTheHalfLineBeforeItHasABreak) {
  const std::string han = "\u4E2D\u6587\u5B57\u4E2D\u6587\u5B57";
  EXPECT_EQ(BetweenCharacters(han + "abcd", 13), (Strings{han, "abcd"}));
  EXPECT_EQ(BetweenCharacters("\u4E2D\u6587\u5B57\u4E2D abcd", 10),
            (Strings{"\u4E2D\u6587\u5B57\u4E2D_", "abcd"}));
  EXPECT_EQ(BetweenCharacters("\u4E2Dabcdefgh", 8), (Strings{"\u4E2Dabcdef", "gh"}));
}

TEST_F(UpstreamLineTest, WaitsForMoreOfAParagraph) {
  const std::string text = "one two";
  AtSpaces(text, 9);
  EXPECT_FALSE(BreakAtSpaces(window_, 0, 9 * kLetter, /*paragraph_ends=*/false));
  EXPECT_FALSE(BreakBetweenCharacters(window_, 0, 9 * kLetter, /*paragraph_ends=*/false));
  // The second word may go on and still fit a line, or not.
  EXPECT_FALSE(BreakAtSpaces(window_, 0, 5 * kLetter, /*paragraph_ends=*/false));
  EXPECT_TRUE(BreakAtSpaces(window_, 0, 2 * kLetter, /*paragraph_ends=*/false));
}

}  // namespace
}  // namespace glyph::render
