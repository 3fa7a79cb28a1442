#pragma once
#include <cstddef>
#include <string_view>

#include "render_service/fonts/shaper.h"
#include "render_service/layout/render_profile.h"
#include "render_service/layout/table_columns.h"
#include "render_service/layout/visual_line.h"
#include "render_service/structure/structure_reader.h"
#include "render_service/text/source_text.h"

namespace glyph::render {

// Says how the lines of a text are set under the styles of a profile: how far from the left, with
// which marker before them, and whether in cells or columns.
//   while (styler.Next(shaper, oddities)) // lay source[begin(), line().hard.end) out at left_px()
// Not thread-safe; shapers may change from line to line, as in DocumentLayout.
class LineStyler {
 public:
  // `source` outlives the styler. The profile has styles. `has_clusters`: of the markers.
  LineStyler(const SourceText& source, const RenderProfile& profile, bool has_clusters);

  // Goes to the next hard line; false after the last. Adds what is odd in its marker.
  bool Next(Shaper& shaper, TextOddities& oddities);

  // Of the line that Next went to:
  const StructuredLine& line() const { return line_; }
  size_t begin() const { return begin_; }   // of what is not its marker
  int left_px() const { return left_px_; }  // right_px where it goes from right to left
  const ParagraphStyle& paragraph() const { return paragraph_; }
  // Stands before the first visual line, outside of left_px; null: nothing does.
  const VisualLine* marker() const { return has_marker_ ? &marker_ : nullptr; }
  int blank_rows_before() const { return blank_rows_before_; }
  bool has_grid() const;  // ApplyGrid does something
  // Moves the characters of `shaped`, source[begin, end), into cells or columns.
  void ApplyGrid(size_t begin, size_t end, const DisplayText& text, ShapedText& shaped) const;

 private:
  // The marker hangs before its text; without room for it the line is set as a paragraph.
  void PlaceMarker(Shaper& shaper, TextOddities& oddities);

  const std::string_view source_;
  const TextStyles styles_;
  const int text_width_px_;
  const int em_px_;
  const bool auto_direction_;
  const Joiners joiners_;
  StructureReader reader_;
  StructuredLine line_;
  size_t begin_ = 0;
  int left_px_ = 0;
  ParagraphStyle paragraph_;
  bool has_marker_ = false;
  VisualLine marker_;
  int blank_rows_before_ = 0;
  int num_blank_lines_ = 0;  // in a row, up to this line
  TableColumns columns_;     // of the table that the line belongs to
};

}  // namespace glyph::render
