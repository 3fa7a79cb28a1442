#include "render_service/layout/visual_line.h"

#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

// A line of one glyph of 10 px for each character, glyph id = character, with bidi `levels`.
struct Line {
  Line(const std::string& characters, const std::string& levels) {
    for (uint32_t i = 0; i < characters.size(); ++i) {
      const auto c = static_cast<unsigned char>(characters[i]);
      text.characters.push_back({.code_point = c, .source_begin = i, .source_end = i + 1});
      shaped.glyphs.push_back({.id = c});
      ShapedCluster cluster;
      cluster.first_character = cluster.first_glyph = i;
      cluster.end_character = cluster.end_glyph = i + 1;
      cluster.advance = 10;
      cluster.bidi_level = static_cast<uint8_t>(levels[i] - '0');
      cluster.is_white = c == ' ';
      shaped.clusters.push_back(cluster);
    }
  }

  VisualLine Build(LineSpan span) {
    VisualLine line;
    BuildVisualLine(text, shaped, span, line, oddities);
    return line;
  }
  std::string VisualOrder() {
    std::string order;
    for (const PlacedGlyph& glyph : Build({0, shaped.clusters.size(), 0}).glyphs) {
      order += static_cast<char>(glyph.id);
    }
    return order;
  }

  DisplayText text;
  ShapedText shaped;
  TextOddities oddities;
};

TEST(VisualLineTest, PlacesGlyphsOneAfterTheOther) {
  const VisualLine line = Line("abc", "000").Build({1, 3, 3});
  ASSERT_EQ(line.glyphs.size(), 2u);
  EXPECT_EQ(line.glyphs[0].x, 0);
  EXPECT_EQ(line.glyphs[1].x, 10);
  EXPECT_EQ(line.width_px, 20);
  EXPECT_EQ(line.source_begin, 1u);
  EXPECT_EQ(line.source_end, 3u);
}

TEST(VisualLineTest, ReversesRightToLeftRuns) {
  EXPECT_EQ(Line("abCDEfg", "0011100").VisualOrder(), "abEDCfg");
}

TEST(VisualLineTest, KeepsNumbersInsideRightToLeftRunsLeftToRight) {
  EXPECT_EQ(Line("aBC12DE", "0112211").VisualOrder(), "aED12CB");
}

TEST(VisualLineTest, LeavesNoInkForWhiteSpace) {
  EXPECT_TRUE(Line("  ", "00").Build({0, 2, 2}).is_blank);
  EXPECT_TRUE(Line("a", "0").Build({0, 0, 1}).is_blank);
  const VisualLine line = Line(" a", "00").Build({0, 2, 2});
  EXPECT_FALSE(line.is_blank);
  EXPECT_EQ(line.glyphs.size(), 1u);
  EXPECT_EQ(line.glyphs[0].x, 10);
}

TEST(VisualLineTest, PlacesClustersInTheOrderOfTheSource) {
  Line characters("aBC12", "01122");
  characters.text.characters[4].source_begin = 5;  // the second of two that stand for a byte
  VisualLine line;
  line.has_clusters = true;
  BuildVisualLine(characters.text, characters.shaped, {0, 5, 5}, line, characters.oddities);
  const std::vector<PlacedCluster> expected = {
      {0, 1, 0, 10, false}, {1, 2, 40, 10, true}, {2, 3, 30, 10, true}, {3, 4, 10, 20, false}};
  EXPECT_EQ(line.clusters, expected);
}

TEST(VisualLineTest, EndsTheSourceOfABlankLineWithItsMarker) {
  VisualLine marker = Line("-", "0").Build({0, 1, 1}), line;
  line.has_clusters = true;
  Line spaces("   ", "000");
  BuildVisualLine(spaces.text, spaces.shaped, {1, 3, 3}, line, spaces.oddities);
  EXPECT_EQ(line.clusters.size(), 2u);
  PrependMarker(marker, line);
  EXPECT_EQ(line.source_end, 1u);
  EXPECT_TRUE(line.clusters.empty());
}

TEST(VisualLineTest, CountsWhatIsOdd) {
  Line line("abcd", "0000");
  line.text.characters[0].is_box = line.shaped.glyphs[0].is_box = true;  // control character
  line.shaped.glyphs[1].is_box = true;                                   // missing glyph
  line.text.characters[2].is_capped_mark = true;
  const VisualLine built = line.Build({0, 4, 4});
  EXPECT_EQ(line.oddities.control_characters, 1u);
  EXPECT_EQ(line.oddities.missing_glyphs, 1u);
  EXPECT_EQ(line.oddities.capped_marks, 1u);
  EXPECT_EQ(built.boxes.size(), 2u);
  EXPECT_EQ(built.glyphs.size(), 2u);
}

}  // namespace
}  // namespace glyph::render
