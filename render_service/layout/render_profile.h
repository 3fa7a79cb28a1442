#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "render_service/fonts/font_style.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// The model's grid: an image token covers 28x28 px, so rendered pages have sides of this multiple.
inline constexpr int kGridPx = 28;
inline constexpr int kMaxSidePx = 16384;
inline constexpr int kMaxPagePixels = 16 << 20;

enum class WrapMode {
  kSpaces,    // only at U+0020; the one space at the break is dropped, further ones stay
  kUnicode,   // where UAX 14 allows it; all white space at the break hangs and is dropped
  kUpstream,  // as zai-org/Glyph's renderer (upstream_line.h)
};

enum class PageHeights {
  kEqual,    // several pages all get the maximal height; a single page fits its content
  kContent,  // every page fits its content
};

// How a page reaches the model's grid.
enum class ToGrid {
  kPad,       // with white, up to multiples of kGridPx
  kHfResize,  // by the model, which scales it as it does uploads
};

// How the structure of a text (structure/structured_line.h) shows. Markers hang before their text,
// right before it.
struct TextStyles {
  int heading_rows_before = 0;  // blank rows above a heading, those of the text included
  int list_indent_px = 0;       // per level
  int quote_indent_px = 0;
  int code_cell_px = 0;         // width of the cells that code is set in; 0: none
  int table_column_max_px = 0;  // columns are aligned, wider cells stick out; 0: not
  int table_gap_px = 0;         // between the text of a cell and what is beside it
};

// How text becomes pages, as data. The text area is page_width_px less the side margins; what of a
// page reaches beyond page_width_px is white padding up to the grid, or cut off where there is
// none. README.md, "Profiles", names the JSON keys.
struct RenderProfile {
  int dpi = 72;  // dots an inch that lengths are in (profile_scale.h); changes no page by itself
  FontStyle font;
  // In place of the font's own face, by render.language; they change no page by themselves. `file`
  // is the font's.
  std::map<std::string, FontFace, std::less<>> language_faces;
  std::optional<FontStyle> han_font;  // of texts with Chinese characters; another face of the file
  double line_pitch_px = 0;           // distance of baselines, which are rounded to whole pixels
  int baseline_px = 0;                // from the top of a line to its baseline
  int margin_left_px = 0;
  int margin_right_px = 0;
  int margin_top_min_px = 0;  // pages are drawn with the least margin of the range
  int margin_top_max_px = 0;
  int margin_bottom_px = 0;
  int page_width_px = 0;
  int page_height_multiple_px = kGridPx;
  int page_height_min_px = kGridPx;
  int page_height_max_px = 0;
  int max_lines = 0;  // a page; 0: as many as fit
  WrapMode wrap = WrapMode::kSpaces;
  // Under kUpstream: line ends are shown by a gray mark, and begin a line every 30th time only.
  bool newline_mark = false;
  // Under kUnicode: paragraphs go as their first letter does; those from right to left are aligned
  // right. Otherwise all go from left to right.
  bool auto_direction = false;
  Joiners joiners = Joiners::kBoxes;  // not under kUpstream
  PageHeights heights = PageHeights::kEqual;
  ToGrid to_grid = ToGrid::kPad;
  // Pages end this far from their ink at the right, the last one at the bottom too; 0: they do not.
  int crop_margin_px = 0;
  // Under kPad: the last page ends below its ink, whatever `heights` says.
  bool crop_last_page = false;
  std::optional<TextStyles> styles;  // nullopt: all text is set as paragraphs

  int text_width_px() const { return page_width_px - margin_left_px - margin_right_px; }
  // What widths are multiples of: the grid, or what raster/ can draw on.
  int width_multiple_px() const { return to_grid == ToGrid::kPad ? kGridPx : 4; }
  int PaddedWidth(int width_px) const {
    return (width_px + width_multiple_px() - 1) / width_multiple_px() * width_multiple_px();
  }
  int padded_width_px() const { return PaddedWidth(page_width_px); }
  int LinesPerPage() const;
  // Width of a page whose lines end at `right_px` at most.
  int PageWidth(int right_px) const;
  // Height of page `index`, which has `num_lines`, 1 to LinesPerPage(), of a document's
  // `num_pages`.
  int PageHeight(int num_lines, size_t index, size_t num_pages) const;
  // The smallest height that holds `content_px` above the bottom margin.
  int HeightFor(double content_px) const;
  // Top edge of line `row`, 0-based.
  int LineTop(int row) const;
};

// Reads a profile of at most 64 KiB. INVALID_ARGUMENT (PROFILE_INVALID, render.profile_json) names
// the key that is missing, unknown or out of its range.
absl::StatusOr<RenderProfile> ParseRenderProfile(std::string_view json);

// What lengths ask of each other. INVALID_ARGUMENT (PROFILE_INVALID, render.profile_json).
absl::Status CheckGeometry(const RenderProfile& profile);

// Every value that can change a pixel, one "key=value" a line in fixed order: equal text means
// equal pages for the same font bytes. It is hashed into the profile's fingerprint.
std::string CanonicalText(const RenderProfile& profile);

}  // namespace glyph::render
