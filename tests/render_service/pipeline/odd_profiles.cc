#include "tests/render_service/pipeline/odd_profiles.h"

namespace glyph::render {
namespace {

using Profile = std::shared_ptr<const ResolvedProfile>;

// nano with a font size, a geometry and rules of its own.
Profile Odd(const ProfileCatalog& catalog, uint8_t number, double size_px, double pitch_px,
            int width_px, int margin_px, WrapMode wrap, PageHeights heights) {
  auto odd = std::make_shared<ResolvedProfile>(*catalog.Find("nano").value());
  odd->fingerprint[0] = number;
  RenderProfile& profile = odd->profile;
  profile.font.size_px = size_px;
  profile.line_pitch_px = pitch_px;
  profile.page_width_px = width_px;
  profile.margin_left_px = profile.margin_right_px = margin_px;
  profile.max_lines = 0;
  profile.page_height_max_px = 560;
  profile.wrap = wrap;
  profile.heights = heights;
  return odd;
}

// `profile` with styles.
Profile Styled(uint8_t number, const ResolvedProfile& profile) {
  auto styled = std::make_shared<ResolvedProfile>(profile);
  styled->fingerprint[0] = number;
  styled->profile.styles = TextStyles{.heading_rows_before = 1,
                                      .list_indent_px = 40,
                                      .quote_indent_px = 20,
                                      .code_cell_px = 9,
                                      .table_column_max_px = 120,
                                      .table_gap_px = 6};
  return styled;
}

// glyph-upstream with newline marks, or cropped so much that pages may be tiny.
Profile Upstream(const ProfileCatalog& catalog, uint8_t number, bool has_marks) {
  auto upstream = std::make_shared<ResolvedProfile>(*catalog.Find("glyph-upstream").value());
  upstream->fingerprint[0] = number;
  upstream->profile.newline_mark = has_marks;
  if (has_marks) return upstream;
  upstream->profile.margin_left_px = upstream->profile.margin_top_min_px = 0;
  upstream->profile.crop_margin_px = 1;
  return upstream;
}

}  // namespace

std::vector<Profile> OddProfiles(const ProfileCatalog& catalog) {
  return {
      catalog.Find("nano").value(),
      catalog.Find("noto-1024").value(),
      catalog.Find("glyph-upstream").value(),
      Upstream(catalog, 4, true),
      Upstream(catalog, 7, false),
      Odd(catalog, 1, 11.5, 13.37, 84, 1, WrapMode::kUnicode, PageHeights::kContent),
      Odd(catalog, 2, 23.25, 20.1, 300, 0, WrapMode::kSpaces, PageHeights::kContent),
      Odd(catalog, 3, 14, 19.6, 400, 8, WrapMode::kUnicode, PageHeights::kEqual),
      catalog.Find("noto-1024-markdown").value(),
      Styled(6, *Odd(catalog, 3, 14, 19.6, 400, 8, WrapMode::kUnicode, PageHeights::kContent)),
  };
}

}  // namespace glyph::render
