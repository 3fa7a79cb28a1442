#include "render_service/layout/paginator.h"

#include <gtest/gtest.h>

namespace glyph::render {
namespace {

// Nano's geometry: 13 lines of 20 px on at most 280 px.
RenderProfile Profile(PageHeights heights = PageHeights::kEqual) {
  RenderProfile profile;
  profile.line_pitch_px = 20;
  profile.baseline_px = 15;
  profile.margin_left_px = 32;
  profile.margin_right_px = 24;
  profile.margin_top_min_px = 14;
  profile.margin_top_max_px = 20;
  profile.page_width_px = 532;
  profile.page_height_min_px = 56;
  profile.page_height_max_px = 280;
  profile.max_lines = 13;
  profile.heights = heights;
  return profile;
}

VisualLine Ink(uint32_t source_begin = 0) {
  VisualLine line;
  line.glyphs.push_back({.id = 7, .x = 3, .y = -1});
  line.boxes.push_back({.code_point = 1, .x = 5, .y = 0});
  line.width_px = 100;
  line.source_begin = source_begin;
  line.source_end = source_begin + 4;
  line.is_blank = false;
  return line;
}

// Adds a line with ink for each 'x' and a blank one for each '.'.
Paginator Paginate(const std::string& lines, size_t num_pages = 1,
                   PageHeights heights = PageHeights::kEqual) {
  Paginator paginator(Profile(heights), num_pages);
  for (const char line : lines) {
    if (line == 'x') {
      paginator.AddLine(Ink());
    } else {
      paginator.AddBlankLine();
    }
  }
  paginator.Finish();
  return paginator;
}

TEST(PaginatorTest, PlacesALineOnItsRow) {
  Paginator paginator(Profile(), 1);
  paginator.AddLine(Ink(11));
  paginator.AddLine(Ink(22));
  paginator.Finish();
  const PageLayout& page = paginator.pages()[0];
  EXPECT_EQ(page.glyphs[1].x, 32 + 3);
  EXPECT_EQ(page.glyphs[1].y, 14 + 20 + 15 - 1);
  EXPECT_EQ(page.boxes[1].x, 32 + 5);
  EXPECT_EQ(page.lines[1].source_begin, 22u);
  EXPECT_EQ(page.lines[1].x, 32);
  EXPECT_EQ(page.lines[1].y, 34);
  EXPECT_EQ(page.lines[1].width, 100);
  EXPECT_EQ(page.lines[1].height, 20);
  EXPECT_EQ(page.lines[1].first_glyph, 1u);
  EXPECT_EQ(page.lines[1].end_glyph, 2u);
}

TEST(PaginatorTest, TakesTheSmallestHeightThatFitsASinglePage) {
  const int heights[] = {56, 56, 84, 112, 140, 140, 168, 196, 196, 224, 252, 280, 280};
  for (size_t lines = 1; lines <= 13; ++lines) {
    Paginator paginator = Paginate(std::string(lines, 'x'));
    ASSERT_EQ(paginator.pages().size(), 1u);
    EXPECT_EQ(paginator.pages()[0].height_px, heights[lines - 1]) << lines;
    EXPECT_LE(static_cast<int>(lines), (heights[lines - 1] - 14) / 20);
    EXPECT_EQ(paginator.pages()[0].width_px, 532);
  }
}

TEST(PaginatorTest, GivesSeveralPagesTheMaximalHeight) {
  Paginator paginator = Paginate(std::string(14, 'x'), 2);
  ASSERT_EQ(paginator.pages().size(), 2u);
  EXPECT_EQ(paginator.pages()[0].height_px, 280);
  EXPECT_EQ(paginator.pages()[1].height_px, 280);
}

TEST(PaginatorTest, FitsEveryPageToItsContentWhenTheProfileSaysSo) {
  Paginator paginator = Paginate(std::string(14, 'x'), 2, PageHeights::kContent);
  EXPECT_EQ(paginator.pages()[0].height_px, 280);
  EXPECT_EQ(paginator.pages()[1].height_px, 56);
}

TEST(PaginatorTest, DropsBlankLinesAtTheEdgesOfPages) {
  Paginator paginator = Paginate("..x.x............x.");
  ASSERT_EQ(paginator.pages().size(), 2u);
  EXPECT_EQ(paginator.pages()[0].num_rows, 3);  // x . x
  EXPECT_EQ(paginator.pages()[0].lines[0].y, 14);
  EXPECT_EQ(paginator.pages()[1].num_rows, 1);
  EXPECT_EQ(paginator.num_blank_pages(), 0u);
}

TEST(PaginatorTest, CountsPagesOfBlankLinesThatWereDropped) {
  Paginator paginator = Paginate("x" + std::string(12 + 3 * 13 + 5, '.') + "x");
  EXPECT_EQ(paginator.pages().size(), 2u);
  EXPECT_EQ(paginator.num_blank_pages(), 3u);
}

TEST(PaginatorTest, MakesNoPageOfBlankLines) {
  Paginator paginator = Paginate(std::string(100, '.'));
  EXPECT_TRUE(paginator.pages().empty());
  EXPECT_EQ(paginator.num_blank_pages(), 7u);
}

RenderProfile Upstream() {
  RenderProfile profile = Profile();
  profile.wrap = WrapMode::kUpstream;
  profile.to_grid = ToGrid::kHfResize;
  profile.crop_margin_px = 10;
  return profile;
}

// Rows of the lines on each page, for groups of that many lines.
std::vector<std::vector<int>> RowsOfGroups(std::initializer_list<int> groups) {
  Paginator paginator(Upstream(), 1);
  for (const int num_lines : groups) {
    paginator.BeginGroup();
    for (int i = 0; i < num_lines; ++i) paginator.AddLine(Ink());
  }
  paginator.Finish();
  std::vector<std::vector<int>> pages;
  for (const PageLayout& page : paginator.pages()) {
    pages.emplace_back();
    for (const PlacedLine& line : page.lines) pages.back().push_back((line.y - 14) / 20);
  }
  return pages;
}

TEST(PaginatorTest, LeavesNoGroupsFirstLineAloneAtTheFootOfAPage) {
  const auto apart = RowsOfGroups({12, 2});
  ASSERT_EQ(apart.size(), 2u);
  EXPECT_EQ(apart[0].size(), 12u);
  EXPECT_EQ(apart[1], (std::vector<int>{0, 1}));
  EXPECT_EQ(RowsOfGroups({12, 1}).size(), 1u);
  EXPECT_EQ(RowsOfGroups({12, 1, 1}).at(1), (std::vector<int>{0}));
  EXPECT_EQ(RowsOfGroups({11, 3}).at(1), (std::vector<int>{0}));
}

TEST(PaginatorTest, KeepsUpstreamsBlankRowsAtTheHeadOfAPage) {
  Paginator paginator(Upstream(), 2);
  for (int i = 0; i < 13 + 13; ++i) paginator.AddBlankLine();
  paginator.AddBlankLine();
  paginator.AddLine(Ink());
  paginator.Finish();
  ASSERT_EQ(paginator.pages().size(), 1u);
  EXPECT_EQ(paginator.pages()[0].lines[0].y, 14 + 20);
  EXPECT_EQ(paginator.num_blank_pages(), 2u);
}

TEST(PaginatorTest, MakesCroppedPagesAsLargeAsTheirInkMayNeed) {
  Paginator paginator(Upstream(), 2);
  for (int i = 0; i < 13 + 2; ++i) paginator.AddLine(Ink());
  paginator.Finish();
  ASSERT_EQ(paginator.pages().size(), 2u);
  EXPECT_EQ(paginator.pages()[0].width_px, (32 + 100 + 20 + 10 + 3) / 4 * 4);
  EXPECT_EQ(paginator.pages()[0].height_px, 280);
  EXPECT_EQ(paginator.pages()[1].height_px, 14 + 2 * 20 + 20 + 10);
}

}  // namespace
}  // namespace glyph::render
