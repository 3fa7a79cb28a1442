#include "vlm_service/engine/output_text.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/base/utf8.h"

namespace glyph::vlm {
namespace {

TEST(OutputText, GivesAsciiAtOnce) {
  OutputText text({});
  EXPECT_EQ(text.Append("a").text, "a");
  EXPECT_EQ(text.Append("bc").text, "bc");
  EXPECT_EQ(text.Tail(), "");
}

TEST(OutputText, HoldsBackUnfinishedCharacters) {
  OutputText text({});
  EXPECT_EQ(text.Append("x\xE4").text, "x");
  EXPECT_EQ(text.Append("\xBD").text, "");
  EXPECT_EQ(text.Append("\xA0y").text, "\xE4\xBD\xA0y");
}

TEST(OutputText, ReplacesBytesThatAreNoCharacter) {
  OutputText text({});
  EXPECT_EQ(text.Append("a\xFF").text, "a\xEF\xBF\xBD");
  EXPECT_EQ(text.Append("\xE4").text, "");
  EXPECT_EQ(text.Append("b").text,
            "\xEF\xBF\xBD"
            "b");
}

TEST(OutputText, EndsWithAReplacementForAnUnfinishedCharacter) {
  OutputText text({});
  EXPECT_EQ(text.Append("a\xF0\x9F").text, "a");
  EXPECT_EQ(text.Tail(), "\xEF\xBF\xBD");
  EXPECT_EQ(text.Tail(), "");
}

TEST(OutputText, EndsBeforeAStopString) {
  OutputText text({"\n\n"});
  EXPECT_EQ(text.Append("a\n").text, "a");
  const auto piece = text.Append("\nb");
  EXPECT_TRUE(piece.stopped);
  EXPECT_EQ(piece.text, "");
}

TEST(OutputText, GivesBackWhatOnlyLookedLikeAStopString) {
  OutputText text({"STOP"});
  EXPECT_EQ(text.Append("xSTO").text, "x");
  EXPECT_EQ(text.Append("NE").text, "STONE");
  EXPECT_EQ(text.Append("ST").text, "");
  EXPECT_EQ(text.Tail(), "ST");
}

TEST(OutputText, TakesTheStopStringThatIsCompleteFirst) {
  OutputText text({"cdef", "bcd", "cd"});
  const auto piece = text.Append("abcdef");
  EXPECT_TRUE(piece.stopped);
  EXPECT_EQ(piece.text, "a");
}

TEST(OutputText, StopsInsideWhatWasHeldBack) {
  OutputText text({"aab"});
  EXPECT_EQ(text.Append("aa").text, "");
  EXPECT_EQ(text.Append("a").text, "a");
  const auto piece = text.Append("b");
  EXPECT_TRUE(piece.stopped);
  EXPECT_EQ(piece.text, "");
}

// The whole output at once is the reference for every way of cutting it.
TEST(OutputText, DoesNotDependOnHowBytesAreCut) {
  const uint32_t seed = 4711;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::vector<std::string> alphabet = {"a", "b", "\xC3", "\xA9", "\xE4\xBD", "\xA0", "\xFF"};
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (uint32_t i = random() % 12; i > 0; --i) bytes += alphabet[random() % alphabet.size()];
    std::vector<std::string> stop = {"ab", "b\xC3\xA9"};
    stop.resize(random() % 3);
    OutputText whole(stop), cut(stop);
    const auto reference = whole.Append(bytes);
    const std::string expected = reference.text + (reference.stopped ? "" : whole.Tail());
    std::string text;
    bool stopped = false;
    for (size_t at = 0; at < bytes.size() && !stopped;) {
      const size_t length = 1 + random() % 3;
      const auto piece = cut.Append(std::string_view(bytes).substr(at, length));
      ASSERT_EQ(base::ValidUtf8Prefix(piece.text), piece.text.size());
      text += piece.text;
      stopped = piece.stopped;
      at += length;
    }
    ASSERT_EQ(stopped, reference.stopped);
    ASSERT_EQ(text + (stopped ? "" : cut.Tail()), expected);
  }
}

}  // namespace
}  // namespace glyph::vlm
