#include "render_service/structure/numbering.h"

#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

struct Matched {
  NumberingStyle style;
  std::string content;
};

Matched Match(const std::string& text) {
  uint64_t num_reads = 0;
  const LineCursor cursor(text, ReadHardLine(text, 0), num_reads);
  const Numbering numbering = MatchNumbering(cursor);
  return {numbering.style, text.substr(numbering.content_begin)};
}

TEST(NumberingTest, KnowsTheStylesOfChineseDocuments) {
  struct Row {
    std::string text;
    NumberingStyle style;
    std::string content;
  };
  const Row rows[] = {{"第一章", NumberingStyle::kChapter, ""},
                      {"第十二章　总则", NumberingStyle::kChapter, "总则"},
                      {"第3回：大闹", NumberingStyle::kChapter, "大闹"},
                      {"第二部分 方法", NumberingStyle::kChapter, "方法"},
                      {"  第一节 范围", NumberingStyle::kSection, "范围"},
                      {"二十一、总体要求", NumberingStyle::kComma, "总体要求"},
                      {"　　（三） 目标", NumberingStyle::kBrackets, "目标"},
                      {"(四)目标", NumberingStyle::kBrackets, "目标"},
                      {"1．内容", NumberingStyle::kItem, "内容"},
                      {"２、内容", NumberingStyle::kItem, "内容"},
                      {"（12）内容", NumberingStyle::kItem, "内容"},
                      {"① 内容", NumberingStyle::kItem, "内容"},
                      {"• item", NumberingStyle::kItem, "item"}};
  for (const Row& row : rows) {
    const Matched matched = Match(row.text);
    EXPECT_EQ(matched.style, row.style) << row.text;
    EXPECT_EQ(matched.content, row.content) << row.text;
  }
}

TEST(NumberingTest, LeavesProseAlone) {
  for (const std::string text :
       {"第一章讲述了主人公的童年", "第一次", "第", "第章 空", "一个人", "一", "1．5 米", "1.5",
        "2024、2025 年", "（2024）", "（一", "(a) x", "十", "1", ""}) {
    EXPECT_EQ(Match(text).style, NumberingStyle::kNone) << text;
  }
}

TEST(NumberingTest, TellsTitlesFromSentences) {
  const auto is_title = [](const std::string& text) {
    uint64_t num_reads = 0;
    return IsTitle(LineCursor(text, ReadHardLine(text, 0), num_reads), 0);
  };
  EXPECT_TRUE(is_title("总体要求"));
  EXPECT_TRUE(is_title("提高认识，加强领导"));
  EXPECT_FALSE(is_title("我们要提高认识。"));
  EXPECT_FALSE(is_title("提高认识。加强领导"));
  EXPECT_FALSE(is_title("内容如下： "));
  EXPECT_FALSE(is_title(std::string(121, 'x')));
}

}  // namespace
}  // namespace glyph::render
