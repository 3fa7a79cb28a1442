// DocumentLayout under a profile with styles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "render_service/fonts/learned_font.h"
#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/text/decode.h"

namespace glyph::render {
namespace {

using ::testing::ElementsAre;

constexpr int kLeft = 32;  // noto-1024's margin
constexpr int kWidth = 968;

class StyledLayoutTest : public ::testing::Test {
 protected:
  StyledLayoutTest() {
    profile_.styles = TextStyles{.heading_rows_before = 1,
                                 .list_indent_px = 40,
                                 .quote_indent_px = 20,
                                 .code_cell_px = 9,
                                 .table_column_max_px = 300,
                                 .table_gap_px = 6};
  }

  std::vector<PageLayout> LayOut(const std::string& text, bool is_fast = true) {
    const auto source = SourceText::Create(text, /*lenient=*/true);
    DocumentLayout layout(*source, profile_, {.max_pages = 256, .num_pages = 1});
    while (!layout.Advance(*shaper_, is_fast ? &*learned_ : nullptr, 1000).value()) {
    }
    oddities_ = layout.oddities();
    return layout.pages();
  }

  // Left edges of the characters drawn of `text`, which are plain or controls, with their offsets.
  std::vector<std::pair<size_t, int>> Drawn(const std::string& text, const PageLayout& page) {
    std::vector<std::pair<size_t, int>> drawn;
    auto box = page.boxes.begin();
    for (const PlacedLine& line : page.lines) {
      uint32_t glyph = line.first_glyph;
      for (size_t i = line.source_begin; i < line.source_end;) {
        const DecodedCharacter c = DecodeAt(text, i);
        if (c.code_point < ' ' && c.code_point != '\t') {
          drawn.emplace_back(i, box++->x - kLeft);
        } else if (!IsWhiteSpace(c.code_point)) {
          const PlacedGlyph& placed = page.glyphs.at(glyph++);
          EXPECT_EQ(placed.id, learned_->glyphs.Find(static_cast<char16_t>(c.code_point))->id)
              << text;
          drawn.emplace_back(i, placed.x - kLeft);
        }
        i += c.length;
      }
      EXPECT_EQ(glyph, line.end_glyph) << text;
    }
    EXPECT_TRUE(box == page.boxes.end()) << text;
    return drawn;
  }

  // Left edges of the characters of a text that fits a page, by their offset; -1: not drawn.
  std::vector<int> LeftEdges(const std::string& text) {
    std::vector<int> edges(text.size(), -1);
    for (const PageLayout& page : LayOut(text)) {
      for (const auto& [offset, edge] : Drawn(text, page)) edges[offset] = edge;
    }
    return edges;
  }

  // Left edges of the first character of each of `parts` in `text`.
  std::vector<int> LeftEdgesOf(const std::string& text, const std::vector<std::string>& parts) {
    const std::vector<int> edges = LeftEdges(text);
    std::vector<int> left;
    for (const std::string& part : parts) left.push_back(edges[text.find(part)]);
    return left;
  }

  std::vector<int> Rows(const std::string& text) {
    std::vector<int> rows;
    const std::vector<PageLayout> pages = LayOut(text);
    for (const PlacedLine& line : pages[0].lines) {
      rows.push_back(static_cast<int>((line.y - 20) / profile_.line_pitch_px + 0.5));
    }
    return rows;
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  RenderProfile profile_ = catalog_->Find("noto-1024").value()->profile;
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*catalog_->Find("noto-1024").value()->font_file, profile_.font).value();
  std::optional<LearnedFont> learned_{*shaper_};
  TextOddities oddities_;
};

TEST_F(StyledLayoutTest, HangsMarkersBeforeTheirText) {
  EXPECT_THAT(LeftEdgesOf("- x\n  y\n  - z\nw", {"x", "y", "z", "w"}), ElementsAre(40, 40, 80, 0));
  EXPECT_THAT(LeftEdgesOf("> x\n> - y\n> z", {"x", "y", "z"}), ElementsAre(20, 60, 20));
  const std::vector<int> edges = LeftEdgesOf("1. x\n10. y", {"1. x", "x", "10", "y"});
  EXPECT_EQ(edges[1], 40);
  EXPECT_EQ(edges[3], 40);
  EXPECT_GT(edges[0], edges[2]);
  EXPECT_GT(edges[2], 0);
}

// The marker too; not what is in another face anyway.
TEST_F(StyledLayoutTest, SetsHeadingsInTheirFace) {
  profile_ = catalog_->Find("noto-1024-markdown").value()->profile;
  shaper_ =
      TextShaper::Create(*catalog_->Find("noto-1024").value()->font_file, profile_.font).value();
  learned_.emplace(*shaper_);
  const uint32_t bold = shaper_->num_faces() - 1;
  for (const bool is_fast : {false, true}) {
    const std::vector<PageLayout> pages = LayOut("# a\u0E01\ntext", is_fast);
    std::vector<uint32_t> faces;
    for (const PlacedGlyph& glyph : pages.at(0).glyphs) faces.push_back(FaceOf(glyph.id));
    const uint32_t thai = faces.at(2);
    EXPECT_THAT(faces, ElementsAre(bold, bold, thai, 0, 0, 0, 0));
    EXPECT_TRUE(thai != 0 && thai != bold);
  }
}

TEST_F(StyledLayoutTest, MakesRoomForALongMarker) {
  const std::vector<int> edges = LeftEdgesOf("123456789. x", {"1", "x"});
  EXPECT_LT(edges[0], 5);
  EXPECT_GT(edges[1], 60);
}

TEST_F(StyledLayoutTest, IndentsTheLinesOfAnItemAlike) {
  std::string text = "- x";
  for (int i = 0; i < 300; ++i) text += " word";
  const auto pages = LayOut(text);
  ASSERT_GE(pages[0].lines.size(), 2u);
  EXPECT_LT(pages[0].lines[0].x, kLeft + 40);
  for (size_t i = 1; i < pages[0].lines.size(); ++i) EXPECT_EQ(pages[0].lines[i].x, kLeft + 40);
  for (const PlacedLine& line : pages[0].lines) EXPECT_LE(line.x + line.width, kLeft + kWidth);
}

TEST_F(StyledLayoutTest, LimitsTheIndent) {
  const std::vector<int> edges = LeftEdges("> > > > > > > > > > > > > > > > - - - x");
  EXPECT_LE(edges.back(), kWidth / 2 + 20);
  std::string text;
  for (int depth = 0; depth < 20; ++depth) text += std::string(depth * 2, ' ') + "- x\n";
  for (const int edge : LeftEdges(text)) EXPECT_LE(edge, kWidth / 2 + 40);
}

TEST_F(StyledLayoutTest, SetsALineWithoutRoomForItsMarkerAsAParagraph) {
  EXPECT_EQ(LeftEdges("#" + std::string(600, ' ') + "x")[0], LeftEdges("#x")[0]);
}

TEST_F(StyledLayoutTest, KeepsMarkersWithoutText) {
  const std::string text = "a\n>\n- \n#\n\nb";
  const std::vector<int> edges = LeftEdges(text);
  for (const char c : {'>', '-', '#'}) EXPECT_GE(edges[text.find(c)], 0) << c;
  EXPECT_THAT(Rows(text), ElementsAre(0, 1, 2, 4, 6));
}

TEST_F(StyledLayoutTest, SetsBlankRowsAboveHeadings) {
  EXPECT_THAT(Rows("# a\ntext\n## b\ntext\n\n# c\n\n\n# d"), ElementsAre(0, 1, 3, 4, 6, 9));
}

TEST_F(StyledLayoutTest, SetsCodeInCells) {
  const std::string text = "```\nif W:\n    中文x\n\ty\n```";
  const std::vector<int> edges = LeftEdges(text);
  const auto cell = [&](const std::string& part) { return (edges[text.find(part)] + 2) / 9; };
  EXPECT_EQ(cell("W"), 3);
  EXPECT_EQ(cell("中"), 4);
  EXPECT_EQ(cell("x"), 8);
  EXPECT_EQ(cell("y"), 4);
}

TEST_F(StyledLayoutTest, SetsCodeOfALongLineWithinThePage) {
  const std::string text = "```\n" + std::string(10000, 'm') + std::string(10000, ' ') + "x\n```";
  for (const PageLayout& page : LayOut(text)) {
    for (const PlacedLine& line : page.lines) EXPECT_LE(line.x + line.width, page.width_px);
  }
}

TEST_F(StyledLayoutTest, AlignsTheColumnsOfATable) {
  const std::string text =
      "| A | B | C |\n"
      "|---|--:|:-:|\n"
      "| long cell    |1|\n"
      "| x | 22 | middle | more |\n";
  const std::vector<int> edges = LeftEdges(text);
  const auto edge = [&](const std::string& part) { return edges[text.find(part)]; };
  EXPECT_EQ(edge("A"), edge("long"));
  EXPECT_EQ(edge("A"), edge("x"));
  EXPECT_EQ(edge("| B"), edge("|1"));
  EXPECT_EQ(edge("| B"), edge("| 22"));
  EXPECT_GT(edge("1|"), edge("22") + 3);  // right
  EXPECT_GT(edge("C"), edge("middle"));   // centred
}

TEST_F(StyledLayoutTest, AlignsTabbedRows) {
  const std::string text = "name\tB\tC\nx\t\tD\n";
  EXPECT_EQ(LeftEdgesOf(text, {"C"}), LeftEdgesOf(text, {"D"}));
  EXPECT_GT(LeftEdgesOf(text, {"B"}), LeftEdgesOf(text, {"e"}));
}

TEST_F(StyledLayoutTest, LetsWideCellsStickOut) {
  const std::string text =
      "| A | B |\n|---|---|\n| " + std::string(60, 'w') + " | C |\n| x | D |\n";
  const std::vector<int> left = LeftEdgesOf(text, {"B", "C", "D"});
  EXPECT_EQ(left[0], left[2]);
  EXPECT_GT(left[1], left[0]);
}

TEST_F(StyledLayoutTest, DoesNotAlignATableWiderThanThePage) {
  std::string row = "|";
  for (int i = 0; i < 10; ++i) row += " " + std::string(20, 'w') + " |";
  const std::string text = "| A | B |\n|---|---|\n" + row + "\n";
  const std::string plain = "| A | B |\n\n";
  EXPECT_EQ(LeftEdgesOf(text, {"B"}), LeftEdgesOf(plain, {"B"}));
}

TEST_F(StyledLayoutTest, LeavesParagraphsAlone) {
  const std::string text = "A paragraph\n   of four\n\nlines.\n\x01";
  const std::vector<int> styled = LeftEdges(text);
  profile_.styles.reset();
  EXPECT_EQ(LeftEdges(text), styled);
}

TEST_F(StyledLayoutTest, CountsOddCharactersOfMarkersAndTables) {
  LayOut("\xC2\x85| \x01 | b |\n|---|---|\n| \x02 | b |\n```\n\x03\n");
  EXPECT_EQ(oddities_.control_characters, 3u);
}

// Text of pieces that mean something, in any order.
std::string RandomMarkdown(std::mt19937& random) {
  static const std::string pieces[] = {
      "\n",    "\n",     "\n\n",   " ",    "    ",   "\t",    "a",
      "word ", "文",     "。",     "# ",   "- ",     "1. ",   "> ",
      ">",     "```\n",  "~~~\n",  "|",    "\\|",    "|---|", "|a|b|\n|-|:-:|\n|",
      "---",   "a\tb\n", "***",    "一、", "（二）", "1．",   "①",
      "　",    "(1)",    "第一章 "};
  std::string text;
  for (size_t count = random() % 60; count > 0; --count) {
    text += pieces[random() % std::size(pieces)];
  }
  return text;
}

TEST_F(StyledLayoutTest, DrawsEveryCharacterOfRandomMarkdownOnce) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    const std::string text = RandomMarkdown(random);
    std::multiset<size_t> expected;
    for (size_t i = 0; i < text.size();) {
      const DecodedCharacter c = DecodeAt(text, i);
      if (!IsWhiteSpace(c.code_point)) expected.insert(i);
      i += c.length;
    }
    for (const bool is_fast : {true, false}) {
      std::multiset<size_t> drawn;
      for (const PageLayout& page : LayOut(text, is_fast)) {
        for (const auto& [offset, edge] : Drawn(text, page)) drawn.insert(offset);
        for (const PlacedLine& line : page.lines) {
          ASSERT_LT(line.source_begin, line.source_end) << text;
          ASSERT_GE(line.x, kLeft) << text;
          ASSERT_LE(line.x + line.width, page.width_px) << text;
        }
      }
      ASSERT_EQ(drawn, expected) << text;
    }
  }
}

TEST_F(StyledLayoutTest, TakesLinearTimeOnHostileText) {
  for (const std::string unit :
       {"> ", "- a\n", "|", "|a|b\n|-|-\n", "a\tb\n", "```\n", "`", "# a\n", "一、\n", "    a\n"}) {
    const auto seconds = [&](size_t size) {
      std::string text;
      while (text.size() < size) text += unit;
      const auto source = SourceText::Create(text, /*lenient=*/false);
      const std::clock_t start = std::clock();
      DocumentLayout layout(*source, profile_, {.max_pages = 256, .num_pages = 1});
      while (true) {
        const auto is_finished = layout.Advance(*shaper_, &*learned_, 65536);
        if (!is_finished.ok() || *is_finished) break;
      }
      return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    };
    EXPECT_LE(seconds(64 << 10), 3 * seconds(32 << 10) + 0.3) << unit;
  }
}

}  // namespace
}  // namespace glyph::render
