#include "gateway/http/think_filter.h"

#include <vector>

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

struct Case {
  std::string text, reasoning, content;
};

const std::vector<Case> kCases = {
    {"<think>why</think><answer>yes</answer>", "why", "yes"},
    {"\n<think>\nwhy\n</think>\n\n<answer>\nyes\n</answer>\n", "why", "yes"},
    {"<think>a\n\nb</think> plain  end ", "a\n\nb", "plain  end "},
    {"<answer>yes</answer>", "", "yes"},
    {"<answer>yes</answer> and more", "", "yes and more"},
    {"  plain text\n", "", "  plain text\n"},
    {"say <think>not</think> <answer>this</answer>", "",
     "say <think>not</think> <answer>this</answer>"},
    {"<thinking>no tag</thinking>", "", "<thinking>no tag</thinking>"},
    {"<think>a < b </thin k></think>c", "a < b </thin k>", "c"},
    {"<answer>if a </answe r> b</answer>", "", "if a </answe r> b"},
    {"<think></think><answer></answer>", "", ""},
    {"<think>cut off </thi", "cut off </thi", ""},
    {"<answer>cut off  ", "", "cut off  "},
    {"<thin", "", "<thin"},
    {"<think>x</think><answ", "x", "<answ"},
    {"<think>x</think>\n", "x", ""},
    {"<think>x</think> \n<answ", "x", "<answ"},
    {" \n", "", " \n"},
    {"", "", ""},
    {"<think>\xe6\x80\x9d\xe8\x80\x83</think><answer>\xe7\xad\x94</answer>",
     "\xe6\x80\x9d\xe8\x80\x83", "\xe7\xad\x94"},
    {"<think>a<think>b</think>c", "a<think>b", "c"},
};

ThinkSplit SplitBy(const std::string& text, size_t piece_bytes) {
  ThinkFilter filter;
  ThinkSplit all;
  const auto add = [&all](const ThinkSplit& more) {
    all.reasoning += more.reasoning;
    all.content += more.content;
  };
  for (size_t i = 0; i < text.size(); i += piece_bytes)
    add(filter.Feed(text.substr(i, piece_bytes)));
  add(filter.Finish());
  return all;
}

TEST(ThinkFilterTest, SplitsAlikeHoweverTheTextIsCut) {
  for (const Case& c : kCases) {
    for (size_t piece_bytes = 1; piece_bytes <= c.text.size() + 1; ++piece_bytes) {
      const ThinkSplit split = SplitBy(c.text, piece_bytes);
      EXPECT_EQ(split.reasoning, c.reasoning) << c.text << " by " << piece_bytes;
      EXPECT_EQ(split.content, c.content) << c.text << " by " << piece_bytes;
    }
  }
}

TEST(ThinkFilterTest, HoldsBackOnlyWhatMayBecomeATag) {
  ThinkFilter filter;
  EXPECT_EQ(filter.Feed("<th").content, "");
  EXPECT_EQ(filter.Feed("ink>so").reasoning, "so");
  EXPECT_EQ(filter.Feed(" it <").reasoning, " it");
  EXPECT_EQ(filter.Feed("3").reasoning, " <3");
  EXPECT_EQ(filter.Feed("</think><answer>a").content, "a");
  EXPECT_EQ(filter.Feed("bc").content, "bc");
}

TEST(ThinkFilterTest, PassesPlainTextAtOnce) {
  ThinkFilter filter;
  EXPECT_EQ(filter.Feed("H").content, "H");
  EXPECT_EQ(filter.Feed("i <think>").content, "i <think>");
}

}  // namespace
}  // namespace glyph::gateway
