#include "render_service/text/display_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace glyph::render {
namespace {

constexpr char kAcute[] = "\xCC\x81";
constexpr char kDottedCircle[] = "\xE2\x97\x8C";

DisplayText Fill(std::string_view source, size_t max_characters = 1000,
                 Joiners joiners = Joiners::kBoxes) {
  DisplayText out;
  FillDisplayText(source, 0, source.size(), max_characters, joiners, out);
  return out;
}

std::string Repeat(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

int64_t CountBoxes(const DisplayText& text) {
  return std::count_if(text.characters.begin(), text.characters.end(),
                       [](const DisplayCharacter& c) { return c.is_box; });
}

int64_t CountCapped(const DisplayText& text) {
  return std::count_if(text.characters.begin(), text.characters.end(),
                       [](const DisplayCharacter& c) { return c.is_capped_mark; });
}

// After a virama, between letters that join, in emoji, after an ideograph.
TEST(DisplayTextTest, KeepsJoinersWhereTheyChangeSomething) {
  for (const char* text :
       {"\u0DB4\u0DCA\u200D\u0DBB", "\u0D28\u0D4D\u200D", "\u0915\u094D\u200C\u0937",
        "\u0645\u06CC\u200C\u062E", "\u0645\u0650\u200D\u062E", "\U0001F469\u200D\U0001F680",
        "\u2764\uFE0F\u200D\U0001F525", "1\uFE0F\u20E3", "\u2764\uFE0E", "\u8FBB\U000E0100"}) {
    EXPECT_EQ(CountBoxes(Fill(text, 1000, Joiners::kShaped)), 0) << text;
    EXPECT_EQ(Fill(text, 1000, Joiners::kShaped).utf8, text);
    EXPECT_GT(CountBoxes(Fill(text)), 0) << text;
  }
}

TEST(DisplayTextTest, ShowsJoinersThatDoNothing) {
  for (const char* text : {"\u200D", "a\u200Db", "\u0645\u200C", "\u0627\u200D\u0645",
                           "\u0915\u200D\u0937", "a\uFE0F", "\U0001F469\u200Da", "a\U000E0100",
                           "\x01\u200D\u0645", "a\u200Bb", "a\u00ADb", "\u4E2D\u200D\u4E2D"}) {
    EXPECT_EQ(CountBoxes(Fill(text, 1000, Joiners::kShaped)), CountBoxes(Fill(text))) << text;
  }
  const DisplayText run = Fill("\u0915\u094D" + Repeat("\u200D", 100), 1000, Joiners::kShaped);
  EXPECT_EQ(CountBoxes(run), 99);
}

TEST(DisplayTextTest, TurnsATabIntoFourSpacesOfOneSourceByte) {
  const DisplayText text = Fill("a\tb");
  EXPECT_EQ(text.utf8, "a    b");
  EXPECT_EQ(text.characters[1].source_begin, 1u);
  EXPECT_EQ(text.characters[1].source_end, 2u);
  EXPECT_EQ(text.characters[4].source_begin, text.characters[4].source_end);
  EXPECT_EQ(text.characters[5].source_begin, 2u);
}

TEST(DisplayTextTest, MakesControlAndInvisibleCharactersBoxes) {
  for (const std::string& invisible :
       {std::string(1, '\0'), std::string("\x1B"), std::string("\x7F"), std::string("\xC2\x80"),
        std::string("\xEF\xBB\xBF"), std::string("\xE2\x80\x8B"), std::string("\xE2\x80\xAE"),
        std::string("\xEF\xB8\x8F"), std::string("\xF3\xA0\x81\x81"), std::string("\xE3\x85\xA4"),
        std::string("\xC2\xAD")}) {
    const DisplayText text = Fill(std::string("a") + invisible + "b");
    ASSERT_EQ(text.characters.size(), 3u);
    EXPECT_TRUE(text.characters[1].is_box);
    EXPECT_EQ(text.utf8,
              "a\xEF\xBF\xBD"
              "b");
    EXPECT_EQ(text.characters[1].source_end, 1 + invisible.size());
  }
}

TEST(DisplayTextTest, KeepsVisibleCharacters) {
  const std::string visible = "A~ \xC2\xA0\xC3\xA9\xE4\xB8\xAD\xEE\x80\x80\xF0\x9F\x98\x80";
  const DisplayText text = Fill(visible);
  EXPECT_EQ(text.utf8, visible);
  EXPECT_EQ(CountBoxes(text), 0);
}

TEST(DisplayTextTest, LeavesEightMarksOnABase) {
  const std::string source = std::string("a") + Repeat(kAcute, kMaxMarksOnBase);
  EXPECT_EQ(Fill(source).utf8, source);
  EXPECT_EQ(CountCapped(Fill(source)), 0);
}

TEST(DisplayTextTest, SpreadsFurtherMarksOverDottedCircles) {
  const DisplayText text = Fill(std::string("a") + Repeat(kAcute, 2 * kMaxMarksOnBase + 1));
  EXPECT_EQ(text.utf8, std::string("a") + Repeat(kAcute, kMaxMarksOnBase) + kDottedCircle +
                           Repeat(kAcute, kMaxMarksOnBase) + kDottedCircle + kAcute);
  EXPECT_EQ(CountCapped(text), kMaxMarksOnBase + 1);
}

TEST(DisplayTextTest, GivesAMarkWithoutABaseADottedCircle) {
  EXPECT_EQ(Fill(kAcute).utf8, std::string(kDottedCircle) + kAcute);
  EXPECT_EQ(Fill(std::string("\x01") + kAcute).utf8,
            std::string("\xEF\xBF\xBD") + kDottedCircle + kAcute);
  EXPECT_EQ(CountCapped(Fill(kAcute)), 0);
}

TEST(DisplayTextTest, CountsCappedMarksOnceWhenAWindowBeginsInsideARun) {
  const std::string source = std::string("a") + Repeat(kAcute, 20);
  DisplayText text;
  int64_t capped = 0;
  for (size_t i = 0; i < source.size();) {
    i = FillDisplayText(source, i, source.size(), 3, Joiners::kBoxes, text);
    capped += CountCapped(text);
  }
  EXPECT_EQ(capped, 20 - kMaxMarksOnBase);
}

TEST(DisplayTextTest, StopsAtTheWindowAndAtTheEnd) {
  DisplayText text;
  EXPECT_EQ(FillDisplayText("abcdef", 1, 5, 3, Joiners::kBoxes, text), 4u);
  EXPECT_EQ(text.utf8, "bcd");
  EXPECT_EQ(FillDisplayText("abcdef", 4, 5, 3, Joiners::kBoxes, text), 5u);
  EXPECT_EQ(text.utf8, "e");
}

TEST(DisplayTextTest, ReplacesBytesThatAreNotUtf8) {
  const DisplayText text = Fill("a\x80z");
  EXPECT_EQ(text.utf8, "a\xEF\xBF\xBDz");
  EXPECT_FALSE(text.characters[1].is_box);
}

}  // namespace
}  // namespace glyph::render
