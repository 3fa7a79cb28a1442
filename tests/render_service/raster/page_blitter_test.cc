#include "render_service/raster/page_blitter.h"

#include <gtest/gtest.h>

#include <random>

#include "render_service/layout/profile_catalog.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

constexpr uint32_t kGlyphsOfTheFont = 65535;

class PageBlitterTest : public ::testing::TestWithParam<double> {
 protected:
  PageBlitterTest() {
    FontStyle style = nano_->profile.font;
    style.size_px = GetParam();
    shaper_ = TextShaper::Create(*nano_->font_file, style).value();
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> nano_ = catalog_->Find("nano").value();
  std::unique_ptr<TextShaper> shaper_;
};

// Glyphs anywhere on a page, over its edges and each other, with boxes between them.
PageLayout RandomPage(std::mt19937& random) {
  PageLayout page;
  page.width_px = 28 * static_cast<int>(1 + random() % 8);
  page.height_px = 28 * static_cast<int>(1 + random() % 4);
  const auto anywhere = [&](int side) {
    return static_cast<int16_t>(static_cast<int>(random() % (side + 80)) - 40);
  };
  for (uint32_t line = random() % 4; line > 0; --line) {
    const auto first = static_cast<uint32_t>(page.glyphs.size());
    for (uint32_t glyphs = random() % 40; glyphs > 0; --glyphs) {
      page.glyphs.push_back({static_cast<uint32_t>(random() % kGlyphsOfTheFont),
                             anywhere(page.width_px), anywhere(page.height_px)});
    }
    page.lines.push_back(
        {.first_glyph = first, .end_glyph = static_cast<uint32_t>(page.glyphs.size())});
    page.boxes.push_back({0x41, anywhere(page.width_px), anywhere(page.height_px)});
  }
  return page;
}

TEST_P(PageBlitterTest, GivesTheBytesOfCairo) {
  GlyphMasks masks(*shaper_);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const PageLayout page = RandomPage(random);
    ASSERT_EQ(BlitPage(page, masks).value(), PaintPage(page, *shaper_).value()) << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PageBlitterTest, ::testing::Values(4, 14, 15.3, 40, 128));

}  // namespace
}  // namespace glyph::render
