#pragma once
#include <string_view>
#include <vector>

#include "render_service/fonts/shaper.h"
#include "render_service/structure/structure_reader.h"
#include "render_service/structure/table_row.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// Where the columns of one table begin. White space around the text of a cell gives way to
// `gap_px`; a cell wider than its column pushes those after it. Not thread-safe.
class TableColumns {
 public:
  // Rows measured of a table, and about how many display characters of them, so that a table takes
  // no longer than other text; those after them are set in the same columns.
  static constexpr int kMaxRows = 128;
  static constexpr size_t kMaxCharacters = 4096;
  // Display characters of a row that is measured.
  static constexpr size_t kMaxRowCharacters = 512;

  // No columns: Align does nothing.
  TableColumns() = default;

  // The columns of the table that begins with `first`, which `reader` has just read: as wide as
  // their widest cell, but at most `column_max_px`. None when they do not fit `width_px`.
  TableColumns(std::string_view source, const StructuredLine& first, StructureReader reader,
               Shaper& shaper, int column_max_px, int gap_px, int width_px, Joiners joiners);

  bool empty() const { return widths_px_.empty(); }

  // Moves the cells of `line`, a row of the table, to their columns. `text` is its whole content.
  void Align(std::string_view source, const StructuredLine& line, const DisplayText& text,
             ShapedText& shaped) const;

 private:
  // A cell as clusters: separator [begin, text_begin), with its gap, then the text.
  struct Cell {
    size_t begin = 0;
    size_t text_begin = 0;
    size_t end = 0;
    int separator_px = 0;
    int text_px = 0;
  };

  // Finds the cells of `line` in `shaped`, and puts a gap in place of the white space between a
  // separator and its text and nothing in place of that behind the text.
  std::vector<Cell> Measure(std::string_view source, const StructuredLine& line,
                            const DisplayText& text, ShapedText& shaped) const;

  int gap_px_ = 0;
  std::vector<int> widths_px_;             // of the columns
  std::vector<CellAlignment> alignments_;  // may be shorter than widths_px_
};

bool IsTableRow(LineKind kind);

}  // namespace glyph::render
