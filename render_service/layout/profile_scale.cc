#include "render_service/layout/profile_scale.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

absl::Status OutOfRange(int dpi, absl::string_view why) {
  return rpc::InvalidArgument("DPI_OUT_OF_RANGE", "render.dpi",
                              absl::StrCat("render.dpi is ", dpi, "; ", why));
}

// Lengths times `scale`.
struct Scaler {
  double scale;

  int Floor(int px) const { return static_cast<int>(std::floor(px * scale + 1e-9)); }
  int Ceil(int px) const { return static_cast<int>(std::ceil(px * scale - 1e-9)); }
  int Round(int px) const { return static_cast<int>(std::lround(px * scale)); }
  // A length that switches something on stays on.
  int AtLeastOne(int px) const { return px == 0 ? 0 : std::max(Round(px), 1); }
};

void ScaleStyles(const Scaler& by, TextStyles& styles) {
  styles.list_indent_px = by.Round(styles.list_indent_px);
  styles.quote_indent_px = by.Round(styles.quote_indent_px);
  styles.code_cell_px = by.AtLeastOne(styles.code_cell_px);
  styles.table_column_max_px = by.AtLeastOne(styles.table_column_max_px);
  styles.table_gap_px = by.Round(styles.table_gap_px);
}

// Widths and margins are rounded so that lines are no longer, and pages hold as many lines.
void ScalePage(const RenderProfile& own, const Scaler& by, RenderProfile& profile) {
  profile.margin_left_px = by.Floor(own.margin_left_px);
  profile.margin_top_min_px = by.Floor(own.margin_top_min_px);
  profile.margin_top_max_px = by.Floor(own.margin_top_max_px);
  profile.margin_bottom_px = by.Floor(own.margin_bottom_px);
  profile.page_width_px = by.Ceil(own.page_width_px);
  profile.margin_right_px =
      profile.page_width_px - profile.margin_left_px - by.Floor(own.text_width_px());
  const int unit = own.page_height_multiple_px;
  const auto height = [&](int px) { return (by.Ceil(px) + unit - 1) / unit * unit; };
  profile.page_height_min_px = height(own.page_height_min_px);
  profile.page_height_max_px = height(own.page_height_max_px);
  if (own.to_grid == ToGrid::kPad) {
    const int most = own.padded_width_px() * own.page_height_max_px / profile.padded_width_px();
    profile.page_height_max_px = std::min(profile.page_height_max_px, most / unit * unit);
    profile.page_height_min_px = std::min(profile.page_height_min_px, profile.page_height_max_px);
  } else {
    profile.max_lines = own.LinesPerPage();
  }
}

bool IsInRange(const RenderProfile& profile) {
  return profile.font.size_px >= 4 && profile.font.size_px <= 128 && profile.line_pitch_px >= 4 &&
         profile.line_pitch_px <= 512 && profile.page_width_px >= kGridPx &&
         profile.page_width_px <= kMaxSidePx && profile.page_height_min_px >= kGridPx &&
         profile.page_height_max_px <= kMaxSidePx;
}

}  // namespace

absl::StatusOr<RenderProfile> ScaleProfile(const RenderProfile& profile, int dpi) {
  if (dpi != 72 && dpi != 96 && dpi != 120) {
    return OutOfRange(dpi, "it must be 72, 96 or 120, or 0 for the profile's own");
  }
  if (dpi == profile.dpi) return profile;
  const Scaler by = {static_cast<double>(dpi) / profile.dpi};
  RenderProfile scaled = profile;
  scaled.dpi = dpi;
  scaled.font.size_px *= by.scale;
  if (scaled.han_font) scaled.han_font->size_px *= by.scale;
  scaled.line_pitch_px *= by.scale;
  scaled.baseline_px = by.Round(profile.baseline_px);
  scaled.crop_margin_px = by.AtLeastOne(profile.crop_margin_px);
  if (scaled.styles) ScaleStyles(by, *scaled.styles);
  ScalePage(profile, by, scaled);
  if (!IsInRange(scaled)) {
    return OutOfRange(dpi, "it makes a font, line or page of the profile too small or too large");
  }
  if (const absl::Status status = CheckGeometry(scaled); !status.ok()) {
    return OutOfRange(dpi, absl::StrCat("it does not suit the profile: ", status.message()));
  }
  return scaled;
}

}  // namespace glyph::render
