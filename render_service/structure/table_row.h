#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace glyph::render {

// The last cell takes all that follows it.
inline constexpr size_t kMaxTableColumns = 64;

enum class CellAlignment : uint8_t { kNone, kLeft, kCenter, kRight };

// Offsets into the source. [begin, text_begin) is the separator before the cell, if there is one,
// and white space; [text_end, end) is white space.
struct TableCell {
  size_t begin = 0;
  size_t text_begin = 0;
  size_t text_end = 0;
  size_t end = 0;
};

// The cells lie side by side from the begin of the row to `closing_begin`, where the pipe that ends
// the row stands; without one it is the end of the row.
struct TableRow {
  std::vector<TableCell> cells;  // 1 to kMaxTableColumns
  size_t closing_begin = 0;
};

// Replaces `row` by the cells of source[begin, end), the content of a line. "\|" does not separate.
void SplitPipeRow(std::string_view source, size_t begin, size_t end, TableRow& row);
void SplitTabbedRow(std::string_view source, size_t begin, size_t end, TableRow& row);

// The columns of a delimiter row, like "| --- | :-: |"; empty when `line` is none.
std::vector<CellAlignment> ParseDelimiterRow(std::string_view line);

}  // namespace glyph::render
