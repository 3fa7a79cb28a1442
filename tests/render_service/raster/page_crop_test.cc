#include "render_service/raster/page_crop.h"

#include <gtest/gtest.h>

namespace glyph::render {
namespace {

struct Ink {
  int x;
  int y;
  uint8_t gray;
};

RenderProfile Profile() {
  RenderProfile profile;
  profile.to_grid = ToGrid::kHfResize;
  profile.page_width_px = 595;
  profile.crop_margin_px = 10;
  return profile;
}

GrayImage Page(std::initializer_list<Ink> ink) {
  GrayImage page{596, 842, std::vector<uint8_t>(size_t{596} * 842, 255)};
  for (const Ink& dot : ink) page.pixels[static_cast<size_t>(dot.y * 596 + dot.x)] = dot.gray;
  return page;
}

TEST(PageCropTest, KeepsTheMarginRightOfTheInk) {
  GrayImage page = Page({{20, 30, 0}, {100, 700, 249}, {300, 40, 250}});
  CropPage(Profile(), /*is_last_page=*/false, page);
  EXPECT_EQ(page.width_px, 100 + 1 + 10);
  EXPECT_EQ(page.height_px, 842);
  ASSERT_EQ(page.pixels.size(), size_t{111} * 842);
  EXPECT_EQ(page.pixels[30 * 111 + 20], 0);
  EXPECT_EQ(page.pixels[700 * 111 + 100], 249);
}

// Upstream counts the last row itself to the margin.
TEST(PageCropTest, EndsTheLastPageBelowItsInk) {
  GrayImage page = Page({{20, 30, 0}, {100, 70, 0}});
  CropPage(Profile(), /*is_last_page=*/true, page);
  EXPECT_EQ(page.height_px, 70 + 10);
  EXPECT_EQ(page.pixels.size(), size_t{111} * 80);
}

TEST(PageCropTest, NeverMakesAPageLarger) {
  GrayImage page = Page({{594, 841, 0}, {595, 0, 0}});
  CropPage(Profile(), /*is_last_page=*/true, page);
  EXPECT_EQ(page.width_px, 595);
  EXPECT_EQ(page.height_px, 842);
  EXPECT_EQ(page.pixels.back(), 0);
}

TEST(PageCropTest, EndsTheLastPageOnTheGridBelowItsInk) {
  RenderProfile profile;
  profile.crop_last_page = true;
  profile.margin_bottom_px = 6;
  profile.page_height_min_px = 56;
  profile.page_height_max_px = 280;
  const auto height = [&](bool is_last_page, int bottom_px) {
    return CroppedSize(profile, is_last_page, {280, 224}, {100, bottom_px}).height_px;
  };
  EXPECT_EQ(height(true, 106), 112);
  EXPECT_EQ(height(true, 107), 140);
  EXPECT_EQ(height(true, 3), 56);     // the least
  EXPECT_EQ(height(true, 400), 224);  // never larger
  EXPECT_EQ(height(false, 106), 224);
  EXPECT_EQ(CroppedSize(profile, true, {280, 224}, {100, 9}).width_px, 280);
}

TEST(PageCropTest, LeavesOtherProfilesAlone) {
  RenderProfile profile = Profile();
  profile.crop_margin_px = 0;
  GrayImage page = Page({{20, 30, 0}});
  CropPage(profile, /*is_last_page=*/true, page);
  EXPECT_EQ(page.width_px, 596);
  EXPECT_EQ(page.height_px, 842);
}

}  // namespace
}  // namespace glyph::render
