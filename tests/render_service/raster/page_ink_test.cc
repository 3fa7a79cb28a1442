#include "render_service/raster/page_ink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "render_service/layout/profile_catalog.h"
#include "render_service/raster/page_blitter.h"

namespace glyph::render {
namespace {

class PageInkTest : public ::testing::Test {
 protected:
  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> nano_ = catalog_->Find("nano").value();
  std::unique_ptr<TextShaper> shaper_ =
      TextShaper::Create(*nano_->font_file, nano_->profile.font).value();
  GlyphMasks masks_{*shaper_};
};

// The ink of single glyphs is that of the page where no two overlap.
TEST_F(PageInkTest, IsWhatIsDrawn) {
  for (uint32_t glyph = 1; glyph < 3000; glyph += 7) {
    PageLayout page;
    page.width_px = 112;
    page.height_px = 112;
    page.glyphs = {{glyph, 20, 30}, {glyph + 1, 60, 40}};
    if (glyph % 5 == 0) page.boxes = {{U'\x1', 30, 60}};
    const auto pixels = BlitPage(page, masks_).value();
    for (const int least : {1, 6, 128}) {
      PageInk drawn;
      for (int i = 0; i < 112 * 112; ++i) {
        if (255 - pixels[static_cast<size_t>(i)] < least) continue;
        drawn.right_px = std::max(drawn.right_px, i % 112 + 1);
        drawn.bottom_px = std::max(drawn.bottom_px, i / 112 + 1);
      }
      const PageInk ink = MeasureInk(page, static_cast<uint8_t>(least), masks_).value();
      ASSERT_EQ(ink.right_px, drawn.right_px) << glyph << " " << least;
      ASSERT_EQ(ink.bottom_px, drawn.bottom_px) << glyph << " " << least;
    }
  }
}

TEST_F(PageInkTest, OfNothingIsNothing) {
  const PageInk ink = MeasureInk(PageLayout(), 1, masks_).value();
  EXPECT_EQ(ink.right_px, 0);
  EXPECT_EQ(ink.bottom_px, 0);
}

}  // namespace
}  // namespace glyph::render
