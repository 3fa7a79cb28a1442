// Pages of the profile glyph-upstream have the lines and the sizes that zai-org/Glyph's renderer
// gives with the same fonts (tests/reference/render).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "nlohmann/json.hpp"
#include "render_service/pipeline/text_task.h"

namespace glyph::render {
namespace {

constexpr char kGolden[] = "tests/golden/render/upstream_lines.json";
// Pens stand on the quarter before them.
constexpr double kTolerancePx = 0.27;

class UpstreamPagesTest : public ::testing::Test {
 protected:
  // Line ends as `document` has them.
  void Use(const nlohmann::json& document) {
    ResolvedProfile profile = *catalog_->Find("glyph-upstream").value();
    profile.profile.newline_mark = document["newline_mark"];
    profile_ = std::make_shared<const ResolvedProfile>(profile);
  }

  std::vector<PageLayout> LayOut(const std::string& text) {
    const SourceText source = SourceText::Create(text, /*lenient=*/false).value();
    DocumentLayout layout(source, profile_->profile, {.max_pages = 256, .num_pages = 1});
    FontTools& font = *tools_.ToolsFor(*profile_, layout.uses_han_font()).value();
    while (!layout.Advance(*font.shaper, &*font.learned, 1000).value()) {
    }
    return layout.pages();
  }

  std::vector<RenderedPage> Draw(const std::string& text) {
    TextTask task(text, {.profile = profile_, .max_pages = 256, .has_clusters = true});
    std::vector<RenderedPage> pages;
    while (true) {
      RenderEvent event = task.Step(tools_).value();
      if (const auto* plan = std::get_if<RenderPlan>(&event)) plan_ = *plan;
      if (auto* page = std::get_if<RenderedPage>(&event)) pages.push_back(std::move(*page));
      if (std::holds_alternative<RenderSummary>(event)) return pages;
    }
  }

  void ExpectPlanned(const std::vector<RenderedPage>& pages) {
    uint64_t tokens = 0;
    for (const RenderedPage& page : pages) {
      // Hugging Face's smart_resize rounds sides of at least 28 px to the nearest multiple of 28.
      tokens += static_cast<uint64_t>((page.width_px + 14) / 28 * ((page.height_px + 14) / 28));
    }
    EXPECT_EQ(plan_.max_pages, pages.size());
    EXPECT_GE(plan_.max_visual_tokens, tokens);
    EXPECT_LE(static_cast<double>(plan_.max_visual_tokens), 1.2 * static_cast<double>(tokens));
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> profile_ = catalog_->Find("glyph-upstream").value();
  WorkerTools tools_;
  RenderPlan plan_;  // of what was drawn last
};

nlohmann::json ReadGolden() {
  std::ifstream file(kGolden);
  return nlohmann::json::parse(file);
}

void ExpectLine(const nlohmann::json& expected, const PageLayout& page, const PlacedLine& line) {
  SCOPED_TRACE(expected[0].get<std::string>());
  const auto& pens = expected[1];
  ASSERT_EQ(line.end_glyph - line.first_glyph, pens.size());
  for (size_t i = 0; i < pens.size(); ++i) {
    const PlacedGlyph& glyph = page.glyphs[line.first_glyph + i];
    ASSERT_NEAR(glyph.x + QuartersOf(glyph.id) / 4.0, pens[i].get<double>(), kTolerancePx) << i;
    ASSERT_EQ(glyph.y, expected[2].get<int>());
  }
}

TEST_F(UpstreamPagesTest, HaveTheLinesOfUpstream) {
  for (const nlohmann::json& document : ReadGolden()) {
    SCOPED_TRACE(document["name"].get<std::string>());
    Use(document);
    const std::vector<PageLayout> pages = LayOut(document["text"]);
    ASSERT_EQ(pages.size(), document["pages"].size());
    for (size_t i = 0; i < pages.size(); ++i) {
      const auto& lines = document["pages"][i]["lines"];
      ASSERT_EQ(pages[i].lines.size(), lines.size());
      for (size_t j = 0; j < lines.size(); ++j) {
        ExpectLine(lines[j], pages[i], pages[i].lines[j]);
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_F(UpstreamPagesTest, HaveTheSizesOfUpstream) {
  for (const nlohmann::json& document : ReadGolden()) {
    SCOPED_TRACE(document["name"].get<std::string>());
    Use(document);
    const std::vector<RenderedPage> pages = Draw(document["text"]);
    ExpectPlanned(pages);
    ASSERT_EQ(pages.size(), document["pages"].size());
    for (size_t i = 0; i < pages.size(); ++i) {
      EXPECT_FALSE(pages[i].is_on_grid);
      EXPECT_EQ(pages[i].width_px, document["pages"][i]["width"].get<int>());
      EXPECT_EQ(pages[i].height_px, document["pages"][i]["height"].get<int>());
    }
  }
}

TEST_F(UpstreamPagesTest, ShowLineEndsInGray) {
  Use({{"newline_mark", true}});
  const RenderedPage page = Draw("\n").at(0);
  const uint8_t darkest = *std::min_element(page.pixels.begin(), page.pixels.end());
  EXPECT_GE(darkest, 76);
  EXPECT_LT(darkest, 128);
}

TEST_F(UpstreamPagesTest, LoseNoMarkBetweenWindows) {
  Use({{"newline_mark", true}});
  // 30 lines are more than a window.
  const std::string line = std::string(166, 'x') + " y";
  std::string text = line;
  for (int i = 1; i < 30; ++i) text += "\n" + line;
  const std::vector<PageLayout> pages = LayOut(text);
  size_t num_shaded = 0;
  for (const PlacedGlyph& glyph : pages.at(0).glyphs) {
    num_shaded += (glyph.id & kMarkShade) != 0 ? 1 : 0;
  }
  EXPECT_EQ(num_shaded, 2u * 29);
}

TEST_F(UpstreamPagesTest, ShowWhatTheFontLacksAndSayIt) {
  TextTask task("a\U0001F600b\u200Bc", {.profile = profile_, .max_pages = 1});
  while (true) {
    const RenderEvent event = task.Step(tools_).value();
    if (const auto* summary = std::get_if<RenderSummary>(&event)) {
      EXPECT_EQ(summary->oddities.missing_glyphs, 1u);
      EXPECT_EQ(summary->oddities.control_characters, 1u);
      break;
    }
  }
  const PageLayout page = LayOut("a\U0001F600b\u200Bc").at(0);
  ASSERT_EQ(page.glyphs.size(), 4u);
  EXPECT_EQ(GlyphOf(page.glyphs[1].id), 0u);
}

TEST_F(UpstreamPagesTest, HaveAKeyForEachCropOfALayout) {
  std::string text;
  for (int row = 0; row < 3 * 81; ++row) text += std::string(60, 'm') + " ";
  const std::vector<RenderedPage> pages = Draw(text);
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].key, pages[1].key);
  EXPECT_LT(pages[2].height_px, pages[1].height_px);
  EXPECT_NE(pages[2].key, pages[1].key);
}

// A text of few glyphs, lines and clusters is laid out once, a longer one is counted first.
TEST_F(UpstreamPagesTest, AreTheSameWhetherTheyAreKeptOrLaidOutAgain) {
  std::string text;
  for (int i = 0; text.size() < 70'000; ++i) text += "line_" + std::to_string(i * i) + "\n";
  const std::vector<RenderedPage> kept = Draw(text.substr(0, 20'000));
  ExpectPlanned(kept);
  const std::vector<RenderedPage> again = Draw(text);
  ExpectPlanned(again);
  ASSERT_GT(kept.size(), 3u);
  ASSERT_GT(again.size(), kept.size());
  for (size_t i = 0; i + 1 < kept.size(); ++i) {
    EXPECT_EQ(kept[i].height_px, again[i].height_px) << i;
    EXPECT_EQ(kept[i].pixels, again[i].pixels) << i;
    EXPECT_EQ(kept[i].key, again[i].key) << i;
    EXPECT_EQ(kept[i].clusters.size(), again[i].clusters.size()) << i;
    EXPECT_FALSE(kept[i].clusters.empty()) << i;
  }
}

TEST_F(UpstreamPagesTest, AreNotBlank) {
  EXPECT_TRUE(Draw(std::string(200, '\n')).empty());
  const auto pages = LayOut("a" + std::string(200, '\n') + "b");
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_GT(pages[1].lines.at(0).y, 16);
}

}  // namespace
}  // namespace glyph::render
