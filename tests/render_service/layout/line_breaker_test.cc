#include "render_service/layout/line_breaker.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace glyph::render {
namespace {

constexpr int kAdvance = 10;

// One cluster of 10 px for each character of `text`; a line may begin after '-' and after spaces,
// as in UAX 14.
std::vector<ShapedCluster> Clusters(const std::string& text) {
  std::vector<ShapedCluster> clusters;
  for (size_t i = 0; i < text.size(); ++i) {
    ShapedCluster cluster;
    cluster.advance = kAdvance;
    cluster.is_space = cluster.is_white = text[i] == ' ';
    cluster.can_break_before =
        i > 0 && text[i] != ' ' && (text[i - 1] == ' ' || text[i - 1] == '-');
    clusters.push_back(cluster);
  }
  return clusters;
}

// The lines of `text`, `columns` characters wide, joined by '|'.
std::string Wrap(const std::string& text, int columns, WrapMode wrap) {
  const std::vector<ShapedCluster> clusters = Clusters(text);
  std::string lines;
  for (size_t begin = 0; begin < clusters.size();) {
    const auto span = BreakLine(clusters, begin, columns * kAdvance, wrap, true);
    if (begin > 0) lines += '|';
    lines += text.substr(begin, span->end - begin);
    begin = span->next;
  }
  return lines;
}

TEST(LineBreakerTest, BreaksGreedilyAndDropsTheSpace) {
  EXPECT_EQ(Wrap("the quick brown fox", 9, WrapMode::kSpaces), "the quick|brown fox");
  EXPECT_EQ(Wrap("the quick brown fox", 9, WrapMode::kUnicode), "the quick|brown fox");
}

TEST(LineBreakerTest, CutsAWordWiderThanALineAtTheLastCharacterThatFits) {
  EXPECT_EQ(Wrap("an extraordinary end", 6, WrapMode::kSpaces), "an|extrao|rdinar|y end");
  EXPECT_EQ(Wrap("an extraordinary end", 6, WrapMode::kUnicode), "an|extrao|rdinar|y end");
}

TEST(LineBreakerTest, BreaksInsideWordsOnlyInUnicodeMode) {
  EXPECT_EQ(Wrap("a well-known one", 8, WrapMode::kSpaces), "a|well-kno|wn one");
  EXPECT_EQ(Wrap("a well-known one", 8, WrapMode::kUnicode), "a well-|known|one");
}

TEST(LineBreakerTest, DropsOneSpaceOfARunAndKeepsTheOthers) {
  EXPECT_EQ(Wrap("abc   def", 3, WrapMode::kSpaces), "abc| |def");
  EXPECT_EQ(Wrap("abcd  e", 4, WrapMode::kSpaces), "abcd| e");
}

TEST(LineBreakerTest, LetsWhiteSpaceHangInUnicodeMode) {
  EXPECT_EQ(Wrap("abc          def", 3, WrapMode::kUnicode), "abc|def");
}

TEST(LineBreakerTest, LetsWhiteSpaceHangAtTheEndOfAParagraph) {
  EXPECT_EQ(Wrap("abc" + std::string(9000, ' '), 3, WrapMode::kUnicode), "abc");
  EXPECT_EQ(Wrap(std::string(9000, ' '), 3, WrapMode::kUnicode), "");
}

TEST(LineBreakerTest, KeepsTheIndentOfALine) {
  EXPECT_EQ(Wrap("  ab cd", 4, WrapMode::kSpaces), "  ab|cd");
  EXPECT_EQ(Wrap("  ab cd", 4, WrapMode::kUnicode), "  ab|cd");
}

TEST(LineBreakerTest, DoesNotCutAWordForItsIndent) {
  EXPECT_EQ(Wrap(" abcd", 4, WrapMode::kSpaces), "|abcd");
  EXPECT_EQ(Wrap(" abcd", 4, WrapMode::kUnicode), "|abcd");
}

TEST(LineBreakerTest, FillsALineToTheLastPixel) {
  const auto clusters = Clusters("abcd");
  EXPECT_EQ(BreakLine(clusters, 0, 40, WrapMode::kSpaces, true)->end, 4u);
  EXPECT_EQ(BreakLine(clusters, 0, 39, WrapMode::kSpaces, true)->end, 3u);
}

TEST(LineBreakerTest, TakesAClusterWiderThanTheLine) {
  EXPECT_EQ(Wrap("abc", 0, WrapMode::kSpaces), "a|b|c");
}

TEST(LineBreakerTest, AsksForMoreWhenTheLineReachesTheEndOfTheWindow) {
  const auto clusters = Clusters("ab cd");
  EXPECT_FALSE(BreakLine(clusters, 0, 100, WrapMode::kSpaces, /*paragraph_ends=*/false));
  EXPECT_TRUE(BreakLine(clusters, 0, 30, WrapMode::kSpaces, /*paragraph_ends=*/false));
}

}  // namespace
}  // namespace glyph::render
