// Nano's pages equal those it was trained on: tests/golden/nano_samples, drawn by its training
// code.
#include "render_service/raster/page_painter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "render_service/images/image_decoder.h"
#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

constexpr char kSamples[] = "tests/golden/nano_samples/";
constexpr char kFonts[] = "/usr/share/fonts/opentype/noto";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<PageLayout> LayOut(const std::string& text, const RenderProfile& profile,
                               TextShaper& shaper) {
  const auto source = SourceText::Create(text, false);
  DocumentLayout layout(*source, profile, 256);
  while (!layout.Advance(shaper, 1 << 20).value()) {
  }
  return layout.pages();
}

int MaxDifference(const std::vector<uint8_t>& page, const DecodedImage& image) {
  int difference = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    difference = std::max(difference, std::abs(page[i] - image.rgb[3 * i]));
  }
  return difference;
}

TEST(PagePainterTest, DrawsNanosTrainingPages) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto nano = catalog->Find("nano").value();
  const auto shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
  for (const auto& item : nlohmann::json::parse(ReadFile(std::string(kSamples) + "pages.json"))) {
    if (item["task"] != "read") continue;
    const DecodedImage image =
        DecodeImage(ReadFile(kSamples + item["images"][0].get<std::string>())).value();
    // Samples vary in what a page of the profile has fixed: the top margin (14 to 20 px) and blank
    // space below the text.
    int best = 255;
    for (int top = nano->profile.margin_top_min_px; top <= nano->profile.margin_top_max_px; ++top) {
      RenderProfile profile = nano->profile;
      profile.margin_top_min_px = profile.margin_top_max_px = top;
      profile.page_height_min_px = image.height_px;
      const auto pages = LayOut(item["text"], profile, *shaper);
      ASSERT_EQ(pages.size(), 1u) << item["name"];
      ASSERT_EQ(pages[0].width_px, image.width_px);
      if (pages[0].height_px != image.height_px) continue;
      best = std::min(best, MaxDifference(PaintPage(pages[0], *shaper).value(), image));
    }
    EXPECT_LE(best, 1) << item["name"];
  }
}

}  // namespace
}  // namespace glyph::render
