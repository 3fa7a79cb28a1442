#include "render_service/layout/profile_scale.h"

#include <gtest/gtest.h>

#include "proto/rpc/error.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

class ProfileScaleTest : public ::testing::Test {
 protected:
  std::shared_ptr<const ResolvedProfile> Find(const char* name) const {
    return catalog_->Find(name).value();
  }
  RenderProfile Scale(const char* name, int dpi) const {
    return ScaleProfile(Find(name)->profile, dpi).value();
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
};

TEST_F(ProfileScaleTest, EnlargesUpstreamsPageAsAWhole) {
  for (const auto& [dpi, width, height] : {std::tuple{96, 794, 1123}, {120, 992, 1404}}) {
    const RenderProfile profile = Scale("glyph-upstream", dpi);
    EXPECT_EQ(profile.page_width_px, width);
    EXPECT_EQ(profile.page_height_max_px, height);
    EXPECT_EQ(profile.page_height_min_px, height);
    EXPECT_EQ(profile.LinesPerPage(), 81);
    EXPECT_DOUBLE_EQ(profile.font.size_px, 9.0 * dpi / 72);
    EXPECT_DOUBLE_EQ(profile.han_font->size_px, 9.0 * dpi / 72);
    EXPECT_DOUBLE_EQ(profile.line_pitch_px, 10.0 * dpi / 72);
    EXPECT_EQ(profile.text_width_px(), 563 * dpi / 72);
    EXPECT_LE(profile.LineTop(81) + profile.margin_bottom_px, height);
  }
}

TEST_F(ProfileScaleTest, KeepsPaddedPagesWithinTheirTokens) {
  for (const char* name : {"noto-1024", "nano"}) {
    const RenderProfile own = Find(name)->profile;
    for (const int dpi : {96, 120}) {
      const RenderProfile profile = Scale(name, dpi);
      EXPECT_EQ(profile.padded_width_px() % kGridPx, 0);
      EXPECT_EQ(profile.page_height_max_px % kGridPx, 0);
      EXPECT_LE(profile.padded_width_px() * profile.page_height_max_px,
                own.padded_width_px() * own.page_height_max_px);
      EXPECT_LT(profile.LinesPerPage(), own.LinesPerPage());
      EXPECT_EQ(profile.text_width_px(), own.text_width_px() * dpi / 72);
    }
  }
}

TEST_F(ProfileScaleTest, GoesDownTheLadderToo) {
  RenderProfile profile = Find("noto-1024")->profile;
  profile.dpi = 144;
  profile.styles = TextStyles{.list_indent_px = 20, .code_cell_px = 1, .table_gap_px = 5};
  const RenderProfile half = ScaleProfile(profile, 72).value();
  EXPECT_DOUBLE_EQ(half.font.size_px, 7);
  EXPECT_EQ(half.page_width_px, 512);
  EXPECT_EQ(half.page_height_max_px, 2324);
  EXPECT_EQ(half.baseline_px, 8);
  EXPECT_EQ(half.styles->list_indent_px, 10);
  EXPECT_EQ(half.styles->code_cell_px, 1);  // not off
  EXPECT_EQ(half.styles->table_column_max_px, 0);
}

TEST_F(ProfileScaleTest, MakesAnotherProfileOfEveryResolutionButTheOwn) {
  const auto own = Find("nano");
  EXPECT_EQ(catalog_->AtDpi(own, 0).value(), own);
  EXPECT_EQ(catalog_->AtDpi(own, 72).value()->fingerprint, own->fingerprint);
  const auto larger = catalog_->AtDpi(own, 96).value();
  EXPECT_NE(larger->fingerprint, own->fingerprint);
  EXPECT_NE(catalog_->AtDpi(own, 120).value()->fingerprint, larger->fingerprint);
  EXPECT_EQ(catalog_->AtDpi(own, 96).value()->fingerprint, larger->fingerprint);
}

TEST_F(ProfileScaleTest, RefusesWhatNoProfileMayBe) {
  const RenderProfile own = Find("nano")->profile;
  for (const int dpi : {-72, 1, 71, 73, 95, 97, 119, 121, 1000000}) {
    EXPECT_EQ(rpc::GetErrorDetails(ScaleProfile(own, dpi).status()).reason, "DPI_OUT_OF_RANGE");
  }
  RenderProfile profile = own;
  for (const auto& [size_px, is_good] : {std::pair{128.0 * 72 / 120, true}, {76.9, false}}) {
    profile.font.size_px = size_px;
    EXPECT_EQ(ScaleProfile(profile, 120).ok(), is_good) << size_px;
  }
  profile = own;
  profile.to_grid = ToGrid::kHfResize;  // nothing cuts its height
  profile.page_height_multiple_px = 1;
  profile.page_width_px = 252;
  for (const auto& [height_px, is_good] : {std::pair{9830, true}, {9831, false}}) {
    profile.page_height_max_px = height_px;
    const auto scaled = ScaleProfile(profile, 120);
    EXPECT_EQ(scaled.ok(), is_good) << height_px;
    if (!is_good) {
      EXPECT_EQ(rpc::GetErrorDetails(scaled.status()).field, "render.dpi");
    }
  }
}

}  // namespace
}  // namespace glyph::render
