// Profiles as any JSON: what is accepted makes pages of sane sizes.
#include "proto/base/check.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {
namespace {

void Check(const RenderProfile& profile) {
  GLYPH_CHECK(!CanonicalText(profile).empty());
  GLYPH_CHECK(profile.text_width_px() > 0);
  const int lines = profile.LinesPerPage();
  GLYPH_CHECK(lines > 0);
  const bool is_on_grid = profile.to_grid == ToGrid::kPad;
  for (const int right_px : {1, profile.page_width_px}) {
    const int width = profile.PageWidth(right_px);
    GLYPH_CHECK(width >= right_px && width <= profile.padded_width_px() && width <= kMaxSidePx);
    GLYPH_CHECK(!is_on_grid || width % kGridPx == 0);
  }
  for (const int num_lines : {1, lines}) {
    for (const size_t num_pages : {1, 2}) {
      const int height = profile.PageHeight(num_lines, 0, num_pages);
      GLYPH_CHECK(height > 0 && height <= kMaxSidePx);
      GLYPH_CHECK(!is_on_grid || height % kGridPx == 0);
      GLYPH_CHECK(height * profile.padded_width_px() <= kMaxPagePixels);
      GLYPH_CHECK(profile.LineTop(num_lines - 1) < height);
    }
  }
}

}  // namespace
}  // namespace glyph::render

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto profile =
      glyph::render::ParseRenderProfile({reinterpret_cast<const char*>(data), size});
  if (profile.ok()) {
    glyph::render::Check(*profile);
  } else {
    GLYPH_CHECK(profile.status().code() == absl::StatusCode::kInvalidArgument);
  }
  return 0;
}
