#include "render_service/layout/render_profile.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace glyph::render {
namespace {

// Raised when the rules of layout or drawing change the pages of an unchanged profile.
constexpr int kRulesVersion = 1;

int64_t Micropixels(double px) { return std::llround(px * 1e6); }

// What a page that will be cropped has beside its lines: ink that sticks out of them, and margin.
int RoomToCrop(const RenderProfile& profile) {
  return static_cast<int>(std::lround(profile.line_pitch_px)) + profile.crop_margin_px;
}

const char* Name(WrapMode wrap) {
  switch (wrap) {
    case WrapMode::kSpaces:
      return "spaces";
    case WrapMode::kUnicode:
      return "unicode";
    case WrapMode::kUpstream:
      break;
  }
  return "upstream";
}

}  // namespace

int RenderProfile::LinesPerPage() const {
  const double room = page_height_max_px - margin_top_min_px - margin_bottom_px;
  const int fitting = static_cast<int>(std::floor(room / line_pitch_px + 1e-9));
  return max_lines > 0 ? std::min(max_lines, fitting) : fitting;
}

int RenderProfile::PageWidth(int right_px) const {
  return crop_margin_px > 0 ? PaddedWidth(std::min(right_px + RoomToCrop(*this), page_width_px))
                            : padded_width_px();
}

int RenderProfile::PageHeight(int num_lines, size_t index, size_t num_pages) const {
  if (crop_margin_px > 0) {
    const bool is_last = index + 1 == num_pages;
    return is_last ? std::min(LineTop(num_lines) + RoomToCrop(*this), page_height_max_px)
                   : page_height_max_px;
  }
  if (heights == PageHeights::kEqual && num_pages > 1) return page_height_max_px;
  return HeightFor(margin_top_min_px + num_lines * line_pitch_px);
}

int RenderProfile::HeightFor(double content_px) const {
  const double height = content_px + margin_bottom_px;
  const int multiples = static_cast<int>(std::ceil(height / page_height_multiple_px - 1e-9));
  return std::clamp(multiples * page_height_multiple_px, page_height_min_px, page_height_max_px);
}

int RenderProfile::LineTop(int row) const {
  return static_cast<int>(std::lround(margin_top_min_px + row * line_pitch_px));
}

std::string CanonicalText(const RenderProfile& p) {
  std::string text = absl::StrCat(
      "rules=", kRulesVersion, "\nfont_family=", p.font.family,
      "\nfont_face_index=", p.font.face_index, "\nfont_size_upx=", Micropixels(p.font.size_px),
      "\nfont_features=", p.font.features, "\nline_pitch_upx=", Micropixels(p.line_pitch_px),
      "\nbaseline_px=", p.baseline_px, "\nmargin_left_px=", p.margin_left_px,
      "\nmargin_right_px=", p.margin_right_px, "\nmargin_top_px=", p.margin_top_min_px, "..",
      p.margin_top_max_px, "\nmargin_bottom_px=", p.margin_bottom_px,
      "\npage_width_px=", p.page_width_px, "\npage_height_multiple=", p.page_height_multiple_px,
      "\npage_height_min_px=", p.page_height_min_px, "\npage_height_max_px=", p.page_height_max_px,
      "\nmax_lines=", p.LinesPerPage(), "\nwrap_mode=", Name(p.wrap),
      "\npage_heights=", p.heights == PageHeights::kEqual ? "equal" : "content",
      "\nantialias=gray\nhint_style=none\nround_glyph_positions=",
      p.font.subpixel ? "false" : "true",
      "\nto_grid=", p.to_grid == ToGrid::kPad ? "pad" : "hf_resize", "\n");
  if (p.newline_mark) absl::StrAppend(&text, "newline_mark=true\n");
  if (p.crop_last_page) absl::StrAppend(&text, "crop_last_page=true\n");
  if (p.crop_margin_px > 0) absl::StrAppend(&text, "crop_margin_px=", p.crop_margin_px, "\n");
  if (p.han_font) {
    absl::StrAppend(&text, "han_font_family=", p.han_font->family,
                    "\nhan_font_face_index=", p.han_font->face_index, "\n");
  }
  for (const FontFace& face : p.font.fallback) {
    absl::StrAppend(&text, "fallback_font=", face.face_index, " ", face.family, "\n");
  }
  if (p.font.heading) absl::StrAppend(&text, "heading_font=", p.font.heading->face_index, "\n");
  if (p.joiners == Joiners::kShaped) absl::StrAppend(&text, "joiners=shaped\n");
  if (p.auto_direction) absl::StrAppend(&text, "base_direction=auto\n");
  if (!p.styles) return text;
  const TextStyles& styles = *p.styles;
  absl::StrAppend(
      &text, "heading_rows_before=", styles.heading_rows_before,
      "\nlist_indent_px=", styles.list_indent_px, "\nquote_indent_px=", styles.quote_indent_px,
      "\ncode_cell_px=", styles.code_cell_px, "\ntable_column_max_px=", styles.table_column_max_px,
      "\ntable_gap_px=", styles.table_gap_px, "\n");
  return text;
}

}  // namespace glyph::render
