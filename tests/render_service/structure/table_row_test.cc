#include "render_service/structure/table_row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Split {
  std::vector<std::string> cells;
  std::string closing;
};

Split SplitRow(const std::string& text, bool is_tabbed = false) {
  TableRow row;
  (is_tabbed ? SplitTabbedRow : SplitPipeRow)(text, 0, text.size(), row);
  Split split{.cells = {}, .closing = text.substr(row.closing_begin)};
  for (const TableCell& cell : row.cells) {
    split.cells.push_back(text.substr(cell.text_begin, cell.text_end - cell.text_begin));
  }
  return split;
}

TEST(TableRowTest, SplitsAtPipes) {
  EXPECT_THAT(SplitRow("| a |b c| |").cells, ElementsAre("a", "b c", ""));
  EXPECT_EQ(SplitRow("| a |b c| |  ").closing, "|  ");
  EXPECT_THAT(SplitRow("a | b").cells, ElementsAre("a", "b"));
  EXPECT_EQ(SplitRow("a | b").closing, "");
  EXPECT_THAT(SplitRow("  | a").cells, ElementsAre("a"));
  EXPECT_THAT(SplitRow("||a").cells, ElementsAre("", "a"));
  EXPECT_THAT(SplitRow("|").cells, ElementsAre(""));
  EXPECT_THAT(SplitRow("").cells, ElementsAre(""));
}

TEST(TableRowTest, DoesNotSplitAtEscapedPipes) {
  EXPECT_THAT(SplitRow("a \\| b | c\\").cells, ElementsAre("a \\| b", "c\\"));
}

TEST(TableRowTest, SplitsAtTabs) {
  EXPECT_THAT(SplitRow("a\t\tb | c\t", true).cells, ElementsAre("a", "", "b | c", ""));
}

TEST(TableRowTest, GivesTheLastColumnAllThatFollows) {
  std::string row;
  for (size_t i = 0; i < kMaxTableColumns; ++i) row += "|a";
  EXPECT_EQ(SplitRow(row).cells.size(), kMaxTableColumns);
  EXPECT_EQ(SplitRow(row + "|").cells.back(), "a");
  EXPECT_EQ(SplitRow(row + "|").closing, "|");
  EXPECT_EQ(SplitRow(row + "|b|").cells.size(), kMaxTableColumns);
  EXPECT_EQ(SplitRow(row + "|b|").cells.back(), "a|b|");
}

TEST(TableRowTest, ReadsAlignments) {
  EXPECT_THAT(ParseDelimiterRow("| --- | :-- | :-: | -: |"),
              ElementsAre(CellAlignment::kNone, CellAlignment::kLeft, CellAlignment::kCenter,
                          CellAlignment::kRight));
  EXPECT_THAT(ParseDelimiterRow("-|-").size(), 2u);
  EXPECT_THAT(ParseDelimiterRow("|-").size(), 1u);
  for (const char* text : {"", "---", "| |", "|:|-", "|::|", "|- -|", "|--|a|", "|||"}) {
    EXPECT_THAT(ParseDelimiterRow(text), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace glyph::render
