#include "vlm_service/tokenizer/split_pattern.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vlm_service/tokenizer/known_patterns.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

std::vector<std::string> Pieces(const SplitPattern& pattern, std::string_view text) {
  std::vector<std::string> pieces;
  pattern.ForEachPiece(text, [&](std::string_view piece, bool) { pieces.emplace_back(piece); });
  return pieces;
}

SplitPattern Known(std::string_view regex) {
  auto pattern = SplitPattern::Create(std::string(regex));
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return *std::move(pattern);
}

// The same expression, spelled so that PCRE2 runs it.
SplitPattern ByPcre2(std::string_view regex) {
  return Known(absl::StrCat("(?:", std::string(regex), ")"));
}

struct Example {
  std::string text;
  std::vector<std::string> pieces;
};

TEST(SplitPattern, CutsAsGpt4) {
  const Example examples[] = {
      {"Hello world", {"Hello", " world"}},
      {"I'm we'LL don'T x'y", {"I", "'m", " we", "'LL", " don", "'T", " x", "'y"}},
      {"'\u017F'", {"'\u017F", "'"}},  // the long s folds to s
      {"'sx", {"'s", "x"}},
      {"12345 678", {"123", "45", " ", "678"}},
      {"a  b", {"a", " ", " b"}},
      {"a   ", {"a", "   "}},
      {"x\n\n  y", {"x", "\n\n", " ", " y"}},
      {"x \r\n \n y", {"x", " \r\n \n", " y"}},
      {"f(x);\r\n}", {"f", "(x", ");\r\n", "}"}},
      {" !!\n\na", {" !!\n\n", "a"}},
      {"\u4F60\u597D\u3002\u00E9t\u00E9", {"\u4F60\u597D", "\u3002\u00E9t\u00E9"}},
      {"\na", {"\n", "a"}},
      {"\u3000a", {"\u3000a"}},
  };
  const SplitPattern gpt4 = Known(kGpt4Pattern);
  for (const Example& example : examples) {
    EXPECT_THAT(Pieces(gpt4, example.text), ElementsAreArray(example.pieces)) << example.text;
  }
}

TEST(SplitPattern, CutsAsGpt2) {
  const Example examples[] = {
      {"Hello world", {"Hello", " world"}}, {"I'm we'LL", {"I", "'m", " we", "'", "LL"}},
      {"12345 678", {"12345", " 678"}},     {"a  b ?!", {"a", " ", " b", " ?!"}},
      {"x\n\n  y", {"x", "\n\n ", " y"}},   {"\tz \n", {"\t", "z", " \n"}},
  };
  const SplitPattern gpt2 = SplitPattern::Gpt2();
  for (const Example& example : examples) {
    EXPECT_THAT(Pieces(gpt2, example.text), ElementsAreArray(example.pieces)) << example.text;
  }
}

// Pieces of characters that PCRE2's older tables know too.
TEST(SplitPattern, HandWrittenPatternsAgreeWithPcre2) {
  const std::vector<std::string> units = {
      "a", "Z",  "'",      "'s",     "'RE",    "l",          "7",      "\u00B2",
      " ", "  ", "\t",     "\r",     "\n",     "\u00A0",     "\u3000", "\u2028",
      ".", "!",  "\u00E9", "\u4F60", "\u0301", "\U0001F600", "_",      "\u017F"};
  std::mt19937 random(1);
  for (const std::string_view regex : {kGpt2Pattern, kGpt4Pattern}) {
    const SplitPattern by_hand = Known(regex);
    const SplitPattern by_pcre2 = ByPcre2(regex);
    for (int i = 0; i < 2000; ++i) {
      std::string text;
      for (size_t length = random() % 16; length > 0; --length) {
        text += units[random() % units.size()];
      }
      ASSERT_EQ(Pieces(by_hand, text), Pieces(by_pcre2, text)) << text;
    }
  }
}

TEST(SplitPattern, TellsMatchesFromGaps) {
  const SplitPattern digits = Known("[0-9]+");
  std::vector<std::pair<std::string, bool>> pieces;
  digits.ForEachPiece("ab12c", [&](std::string_view piece, bool is_match) {
    pieces.emplace_back(piece, is_match);
  });
  EXPECT_THAT(pieces,
              ElementsAre(std::pair("ab", false), std::pair("12", true), std::pair("c", false)));
}

TEST(SplitPattern, InvalidUtf8IsKeptByteByByte) {
  EXPECT_THAT(Pieces(Known("[a-z]+"),
                     "ab\xFF\xC3"
                     "cd\xE4\xBD"),
              ElementsAre("ab", "\xFF", "\xC3", "cd", "\xE4", "\xBD"));
  EXPECT_THAT(Pieces(Known(kGpt4Pattern), "ab\xFF\xC3 cd"), ElementsAre("ab", "\xFF\xC3", " cd"));
}

TEST(SplitPattern, RefusesWhatDoesNotCompileOrMatchesNothing) {
  EXPECT_THAT(SplitPattern::Create("(a").status().ToString(),
              HasSubstr("does not compile at byte"));
  EXPECT_THAT(SplitPattern::Create("a*").status().ToString(), HasSubstr("the empty string"));
  EXPECT_THAT(SplitPattern::Create("").status().ToString(), HasSubstr("the empty string"));
}

TEST(SplitPattern, GivesUpOnACatastrophicPattern) {
  const std::string text = std::string(5000, 'a') + "!";
  EXPECT_THAT(Pieces(Known("(?:a+a+)+[bc]"), text), ElementsAre(text));
}

}  // namespace
}  // namespace glyph::vlm
