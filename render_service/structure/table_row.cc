#include "render_service/structure/table_row.h"

#include <optional>

namespace glyph::render {
namespace {

bool IsBlank(char byte) { return byte == ' ' || byte == '\t'; }

// Offset of the next separator in source[begin, end); `end` when there is none.
size_t FindSeparator(std::string_view source, size_t begin, size_t end, char separator) {
  for (size_t i = begin; i < end; ++i) {
    if (source[i] == separator) return i;
    if (source[i] == '\\' && separator == '|' && i + 1 < end && source[i + 1] == '|') ++i;
  }
  return end;
}

// The cell source[begin, end), whose own separator ends before `text_begin`.
TableCell MakeCell(std::string_view source, size_t begin, size_t text_begin, size_t end) {
  TableCell cell{begin, text_begin, end, end};
  while (cell.text_begin < end && IsBlank(source[cell.text_begin])) ++cell.text_begin;
  while (cell.text_end > cell.text_begin && IsBlank(source[cell.text_end - 1])) --cell.text_end;
  return cell;
}

void SplitRow(std::string_view source, size_t begin, size_t end, char separator, TableRow& row) {
  row.cells.clear();
  size_t cell_begin = begin;
  size_t text_begin = begin;
  if (separator == '|') {
    while (text_begin < end && IsBlank(source[text_begin])) ++text_begin;
    if (text_begin < end && source[text_begin] == '|') ++text_begin;
  }
  while (true) {
    const bool is_rest = row.cells.size() == kMaxTableColumns;
    const size_t cell_end = is_rest ? end : FindSeparator(source, text_begin, end, separator);
    row.cells.push_back(MakeCell(source, cell_begin, text_begin, cell_end));
    if (cell_end == end) break;
    cell_begin = cell_end;
    text_begin = cell_end + 1;
  }
  row.closing_begin = end;
  const TableCell last = row.cells.back();
  if (separator == '|' && row.cells.size() > 1 && last.text_begin == last.text_end) {
    row.closing_begin = last.begin;
    row.cells.pop_back();
  } else if (row.cells.size() > kMaxTableColumns) {
    row.cells.pop_back();
    row.cells.back().text_end = last.text_end;
    row.cells.back().end = end;
  }
}

// The alignment that `text`, like ":--:", asks for.
std::optional<CellAlignment> ParseDelimiter(std::string_view text) {
  const bool is_left = text.starts_with(':');
  const bool is_right = text.size() > 1 && text.ends_with(':');
  const std::string_view dashes = text.substr(is_left, text.size() - is_left - is_right);
  if (dashes.empty() || dashes.find_first_not_of('-') != std::string_view::npos) {
    return std::nullopt;
  }
  if (is_left && is_right) return CellAlignment::kCenter;
  if (is_left) return CellAlignment::kLeft;
  return is_right ? CellAlignment::kRight : CellAlignment::kNone;
}

}  // namespace

void SplitPipeRow(std::string_view source, size_t begin, size_t end, TableRow& row) {
  SplitRow(source, begin, end, '|', row);
}

void SplitTabbedRow(std::string_view source, size_t begin, size_t end, TableRow& row) {
  SplitRow(source, begin, end, '\t', row);
}

std::vector<CellAlignment> ParseDelimiterRow(std::string_view line) {
  if (line.find_first_not_of("|:- \t") != std::string_view::npos) return {};
  if (line.find('|') == std::string_view::npos) return {};
  TableRow row;
  SplitPipeRow(line, 0, line.size(), row);
  std::vector<CellAlignment> alignments;
  for (const TableCell& cell : row.cells) {
    const std::string_view text = line.substr(cell.text_begin, cell.text_end - cell.text_begin);
    const std::optional<CellAlignment> alignment = ParseDelimiter(text);
    if (!alignment) return {};
    alignments.push_back(*alignment);
  }
  return alignments;
}

}  // namespace glyph::render
