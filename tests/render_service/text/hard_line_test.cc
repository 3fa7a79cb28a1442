#include "render_service/text/hard_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace glyph::render {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < text.size();) {
    const HardLine line = ReadHardLine(text, i);
    lines.emplace_back(text.substr(line.begin, line.end - line.begin));
    i = line.next;
  }
  return lines;
}

TEST(HardLineTest, EndsAtEveryKindOfLineEnd) {
  EXPECT_THAT(Lines("a\nb\rc\r\nd\xC2\x85"
                    "e\xE2\x80\xA8"
                    "f\xE2\x80\xA9"
                    "g"),
              ElementsAre("a", "b", "c", "d", "e", "f", "g"));
}

TEST(HardLineTest, KeepsEmptyLines) {
  EXPECT_THAT(Lines("\n\r\r\n\n\r"), ElementsAre("", "", "", "", ""));
}

TEST(HardLineTest, DoesNotEndAtCharactersThatBeginLikeALineEnd) {
  EXPECT_THAT(Lines("\xC2\xA0\xE2\x80\xA6\xE2\x82\xAC"),
              ElementsAre("\xC2\xA0\xE2\x80\xA6\xE2\x82\xAC"));
}

TEST(HardLineTest, EndsWhereverALineEndStands) {
  for (const std::string end : {"\n", "\r", "\r\n", "\xC2\x85", "\xE2\x80\xA8"}) {
    for (size_t before = 0; before < 40; ++before) {
      // Behind characters that begin like a line end, and with any number of bytes to follow.
      const std::string line = std::string(before, 'a') + "\xE2\x80\xA6" + std::string(before, 'b');
      const std::string rest(before / 2, 'c');
      ASSERT_THAT(Lines(line + end + rest + "d"), ElementsAre(line, rest + "d")) << before;
    }
  }
}

TEST(HardLineTest, StopsAtTheEndOfACutSequence) {
  EXPECT_THAT(Lines("a\xE2\x80"), ElementsAre("a\xE2\x80"));
  EXPECT_THAT(Lines("a\xC2"), ElementsAre("a\xC2"));
}

}  // namespace
}  // namespace glyph::render
