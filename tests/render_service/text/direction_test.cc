#include "render_service/text/direction.h"

#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

TEST(DirectionTest, IsThatOfTheFirstLetter) {
  EXPECT_FALSE(BeginsRightToLeft(""));
  EXPECT_FALSE(BeginsRightToLeft("abc \u05E9"));
  EXPECT_TRUE(BeginsRightToLeft("\u05E9 abc"));
  EXPECT_TRUE(BeginsRightToLeft("\u0645 abc"));
  EXPECT_TRUE(BeginsRightToLeft("- 12 (\u05E9"));
  EXPECT_FALSE(BeginsRightToLeft("12 \u0661 ..."));
}

TEST(DirectionTest, DoesNotFollowControls) {
  EXPECT_FALSE(BeginsRightToLeft("\u200F\u2067 abc"));
  EXPECT_TRUE(BeginsRightToLeft("\u200E\u2066 \u05E9"));
}

TEST(DirectionTest, TakesBytesThatAreNoTextForNeutral) {
  EXPECT_TRUE(BeginsRightToLeft("\xC3\xFF\u05E9"));
}

TEST(DirectionTest, IsLookedForInTheFirst4096Characters) {
  EXPECT_TRUE(BeginsRightToLeft(std::string(kMaxDirectionCharacters - 1, '1') + "\u05E9"));
  EXPECT_FALSE(BeginsRightToLeft(std::string(kMaxDirectionCharacters, '1') + "\u05E9"));
}

}  // namespace
}  // namespace glyph::render
