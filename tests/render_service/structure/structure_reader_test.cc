#include "render_service/structure/structure_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/render_service/structure/check_structure.h"

namespace glyph::render {
namespace {

std::string Repeat(std::string_view text, size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::vector<StructuredLine> ReadAll(StructureReader reader) {
  std::vector<StructuredLine> lines;
  while (const auto line = reader.Next()) lines.push_back(*line);
  return lines;
}

TEST(StructureReaderTest, ReadsNothingFromNothing) {
  EXPECT_FALSE(StructureReader("", 0).Next());
  EXPECT_FALSE(StructureReader("\xEF\xBB\xBF", 3).Next());
}

TEST(StructureReaderTest, BeginsWhereItIsTold) {
  const std::string source = "\xEF\xBB\xBF# a";
  const auto line = StructureReader(source, 3).Next();
  EXPECT_EQ(line->kind, LineKind::kHeading);
  EXPECT_EQ(line->content_begin, 5u);
}

TEST(StructureReaderTest, EndsLinesAtEveryKindOfLineEnd) {
  EXPECT_EQ(DumpStructure("# a\r\nb\r- c\xE2\x80\xA9> d"),
            "+ heading1            |# |a\n"
            "+ paragraph           ||b\n"
            "+ paragraph l1 item   |- |c\n"
            "+ paragraph q1        |> |d\n");
}

TEST(StructureReaderTest, GoesOnFromACopy) {
  const std::string source = "> - a\n>\n>   | a | b |\n>   |---|---|\n>   | c | d |\nend\n";
  StructureReader reader(source, 0);
  for (size_t i = 0; i < ReadAll(StructureReader(source, 0)).size(); ++i) {
    StructureReader copy = reader;
    EXPECT_EQ(ReadAll(copy).size(), ReadAll(StructureReader(source, 0)).size() - i);
    EXPECT_EQ(copy.Next()->kind, reader.Next()->kind);
  }
  EXPECT_LE(sizeof(StructureReader), 256u);
}

TEST(StructureReaderTest, TakesDeeperNestingAsText) {
  const std::string quotes = Repeat("> ", kMaxNesting) + "> x";
  const auto line = StructureReader(quotes, 0).Next();
  EXPECT_EQ(line->quote_depth, kMaxNesting);
  EXPECT_EQ(line->content_begin, 2u * kMaxNesting);
  const std::string lists = Repeat("- ", kMaxNesting) + "①x";
  EXPECT_EQ(StructureReader(lists, 0).Next()->list_depth, kMaxNesting + 1);
}

// Text of pieces that mean something, in any order.
std::string RandomMarkdown(std::mt19937& random) {
  static const std::string pieces[] = {
      "\n",    "\n",  "\n\n", "\r\n", " ",   "    ",  "\t",       "a",        "word ",        "文",
      "。",    "# ",  "###",  "- ",   "* ",  "+ ",    "1. ",      "12) ",     "> ",           ">",
      "```",   "~~~", "````", "|",    "\\|", "|---|", "|:-:|-",   "a | b",    "---",          "===",
      "- - -", "***", "___",  "第",   "一",  "章 ",   "节",       "一、",     "（二）",       "1．",
      "①",     "•",   "　",   "(1)",  ":",   "\x01",  "\xC2\xA0", "\xC2\x85", "\xE2\x80\xA8", "\\"};
  std::string text;
  for (size_t count = random() % 60; count > 0; --count) {
    text += pieces[random() % std::size(pieces)];
  }
  return text;
}

TEST(StructureReaderTest, PartitionsRandomMarkdown) {
  std::mt19937 random(11);
  for (int round = 0; round < 20000; ++round) {
    const std::string text = RandomMarkdown(random);
    ASSERT_EQ(FindStructureViolation(text), "") << text << "\n" << DumpStructure(text);
  }
}

TEST(StructureReaderTest, PartitionsBytesThatAreNotUtf8) {
  std::mt19937 random(12);
  const std::string alphabet = "\n\n> -|`#1. \t\x80\xC2\xE2\xE7\xAC\xAC\xF0\xFF";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t i = random() % 40; i > 0; --i) text += alphabet[random() % alphabet.size()];
    ASSERT_EQ(FindStructureViolation(text), "");
  }
}

TEST(StructureReaderTest, LooksAtFewBytesTwiceInHostileText) {
  const std::string units[] = {">",
                               "> ",
                               "- ",
                               "-",
                               "1. ",
                               "    ",
                               "\t",
                               " ",
                               "`",
                               "```\n",
                               "~",
                               "~~~ a\n",
                               "|",
                               "|-",
                               "|-\n",
                               "a|b\n",
                               "|a|b\n|-|-\n",
                               "\\|",
                               "\\",
                               "=",
                               "a\n=\n",
                               "# ",
                               "#",
                               "* ",
                               "_",
                               "_ ",
                               "9",
                               "（一）",
                               "一、",
                               "一、\n",
                               "第一章 ",
                               "第一章\n",
                               "　",
                               "　\n",
                               "a\t",
                               "a\tb\n",
                               "a\t\tb\na\tb\n",
                               "\n",
                               "\r",
                               "- a\n",
                               "> a\n>\n",
                               "    a\n",
                               "    a\n\n",
                               "x",
                               "文",
                               "- > ",
                               "\xC2",
                               "•"};
  const size_t size = 256 << 10;
  for (const std::string& unit : units) {
    const std::string text = Repeat(unit, size / unit.size());
    EXPECT_EQ(FindStructureViolation(text), "") << unit;
    EXPECT_EQ(FindStructureViolation(Repeat("> - ", 20) + text), "") << unit;
    EXPECT_EQ(FindStructureViolation(Repeat("- ", 20) + "\n" + text + "\na"), "") << unit;
  }
}

TEST(StructureReaderTest, TakesTheLargestDocumentInOneLine) {
  const std::string pipes(16 << 20, '|');
  EXPECT_EQ(FindStructureViolation(pipes), "");
  EXPECT_EQ(FindStructureViolation("a|b\n" + pipes), "");
}

}  // namespace
}  // namespace glyph::render
