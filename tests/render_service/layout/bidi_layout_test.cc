#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

// Layouts under noto-1024, whose paragraphs go as their first letter does.
class BidiLayoutTest : public ::testing::Test {
 protected:
  PageLayout LayOut(const std::string& text) {
    const auto source = SourceText::Create(text, /*lenient=*/false);
    DocumentLayout layout(*source, profile_,
                          {.max_pages = 1, .num_pages = 1, .has_clusters = true});
    while (!layout.Advance(*shaper_, &learned_, 65536).value()) {
    }
    return layout.pages().at(0);
  }

  // Left edges, from that of the text area, of the first characters of `parts` in `text`.
  std::vector<int> LeftEdgesOf(const std::string& text, const std::vector<std::string>& parts) {
    std::vector<int> edges;
    const PageLayout page = LayOut(text);
    for (const std::string& part : parts) {
      const size_t offset = text.find(part);
      const auto it =
          std::find_if(page.clusters.begin(), page.clusters.end(),
                       [&](const PlacedCluster& c) { return c.source_begin == offset; });
      edges.push_back(it == page.clusters.end() ? -1 : it->x - profile_.margin_left_px);
    }
    return edges;
  }

  int Right() const { return profile_.margin_left_px + profile_.text_width_px(); }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> resolved_ = catalog_->Find("noto-1024").value();
  RenderProfile profile_ = resolved_->profile;
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*resolved_->font_file, profile_.font).value();
  LearnedFont learned_ = LearnedFont(*shaper_);
};

TEST_F(BidiLayoutTest, AlignsAParagraphAsItsFirstLetterSays) {
  const PageLayout page = LayOut("abc שלום\n12 שלום abc\nשלום\nabc");
  ASSERT_EQ(page.lines.size(), 4u);
  for (const size_t i : {0u, 3u}) EXPECT_EQ(page.lines[i].x, profile_.margin_left_px);
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(page.lines[i].x + page.lines[i].width, Right());
    EXPECT_GT(page.lines[i].x, profile_.margin_left_px);
  }
}

TEST_F(BidiLayoutTest, OrdersWordsFromRightToLeft) {
  const auto edges = LeftEdgesOf("אבג 12 דהו xyz", {"x", "y", "ה", "ד", "1", "2", "ב", "א"});
  // Digits and Latin letters go from left to right.
  EXPECT_TRUE(std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>()) ==
              edges.end());
  EXPECT_GE(edges[0], 0);
}

TEST_F(BidiLayoutTest, MirrorsBrackets) {
  const PageLayout rtl = LayOut("א(");
  const PageLayout ltr = LayOut("a)");
  EXPECT_EQ(rtl.glyphs.at(0).id, ltr.glyphs.at(1).id);
  EXPECT_NE(rtl.glyphs.at(0).id, LayOut("a(").glyphs.at(1).id);
}

TEST_F(BidiLayoutTest, OrdersEveryLineOfALongParagraph) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "שלום עולם ";
  // Longer than a window, and plain characters but for the direction.
  for (int i = 0; i < 1000; ++i) text += "plain words ";
  const PageLayout page = LayOut(text);
  ASSERT_GT(page.lines.size(), 60u);
  uint32_t end = 0;
  for (const PlacedLine& line : page.lines) {
    EXPECT_EQ(line.x + line.width, Right());
    EXPECT_GE(line.source_begin, end);
    end = line.source_end;
  }
  // The first character of the paragraph ends the first line, at its right.
  EXPECT_TRUE(page.clusters[0].is_rtl);
  EXPECT_EQ(page.clusters[0].x + page.clusters[0].width, Right());
  EXPECT_FALSE(page.clusters.back().is_rtl);
}

TEST_F(BidiLayoutTest, HangsMarkersAtTheRight) {
  profile_.styles = TextStyles{.list_indent_px = 40};
  const int width = profile_.text_width_px();
  const std::string text = "- אב\n- xy";
  const PageLayout page = LayOut(text);
  const auto edges = LeftEdgesOf(text, {"- א", "א", "ב", "- x", "x"});
  EXPECT_TRUE(width - 40 <= edges[0] && edges[0] < width);
  EXPECT_TRUE(edges[2] < edges[1] && edges[1] < width - 40);
  EXPECT_EQ(edges[4], 40);
  EXPECT_LT(edges[3], 40);
  EXPECT_GT(page.lines[0].x + page.lines[0].width, profile_.margin_left_px + width - 40);
  EXPECT_LE(page.lines[0].x + page.lines[0].width, Right());
}

TEST_F(BidiLayoutTest, IsTheProfilesToSwitchOn) {
  profile_.auto_direction = false;
  EXPECT_EQ(LayOut("שלום abc").lines.at(0).x, profile_.margin_left_px);
}

}  // namespace
}  // namespace glyph::render
