#include "render_service/layout/table_columns.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace glyph::render {

TableColumns::TableColumns(std::string_view source, const StructuredLine& first,
                           StructureReader reader, Shaper& shaper, int column_max_px, int gap_px,
                           int width_px, Joiners joiners)
    : gap_px_(gap_px) {
  DisplayText text;
  ShapedText shaped;
  std::optional<StructuredLine> line = first;
  size_t num_characters = 0;
  for (int row = 0; row < kMaxRows && line && IsTableRow(line->kind); ++row) {
    if (row > 0 && (line->begins_block || num_characters >= kMaxCharacters)) break;
    if (line->kind == LineKind::kTableDelimiter) {
      alignments_ = ParseDelimiterRow(
          source.substr(line->content_begin, line->hard.end - line->content_begin));
    }
    const size_t end = FillDisplayText(source, line->content_begin, line->hard.end,
                                       kMaxRowCharacters, joiners, text);
    num_characters += text.characters.size();
    if (end == line->hard.end) {
      shaper.Shape(text, {}, shaped);
      const std::vector<Cell> cells = Measure(source, *line, text, shaped);
      widths_px_.resize(std::max(widths_px_.size(), cells.size()));
      for (size_t i = 0; i < cells.size(); ++i) {
        const int width = std::min(cells[i].separator_px + cells[i].text_px, column_max_px);
        widths_px_[i] = std::max(widths_px_[i], width);
      }
    }
    line = reader.Next();
  }
  const int gaps = gap_px_ * static_cast<int>(widths_px_.size());
  if (std::accumulate(widths_px_.begin(), widths_px_.end(), gaps) > width_px) widths_px_.clear();
}

void TableColumns::Align(std::string_view source, const StructuredLine& line,
                         const DisplayText& text, ShapedText& shaped) const {
  const std::vector<Cell> cells = Measure(source, line, text, shaped);
  int pen = 0;
  int column_end = -gap_px_;
  for (size_t i = 0; i < std::min(cells.size(), widths_px_.size()); ++i) {
    const Cell& cell = cells[i];
    column_end += gap_px_ + widths_px_[i];
    if (cell.begin == cell.end) continue;
    const int room = std::max(0, column_end - pen - cell.separator_px - cell.text_px);
    int before = 0;
    if (cell.text_begin > cell.begin) {
      const auto alignment = i < alignments_.size() ? alignments_[i] : CellAlignment::kNone;
      if (alignment == CellAlignment::kRight) before = room;
      if (alignment == CellAlignment::kCenter) before = room / 2;
      shaped.clusters[cell.text_begin - 1].advance += before;
    }
    shaped.clusters[cell.end - 1].advance += room - before + gap_px_;
    pen += cell.separator_px + cell.text_px + room + gap_px_;
  }
}

std::vector<TableColumns::Cell> TableColumns::Measure(std::string_view source,
                                                      const StructuredLine& line,
                                                      const DisplayText& text,
                                                      ShapedText& shaped) const {
  TableRow row;
  const bool is_tabbed = line.kind == LineKind::kTabbedRow;
  (is_tabbed ? SplitTabbedRow : SplitPipeRow)(source, line.content_begin, line.hard.end, row);
  std::vector<ShapedCluster>& clusters = shaped.clusters;
  size_t i = 0;
  const auto begins_before = [&](size_t offset) {
    if (i == clusters.size()) return false;
    return text.characters[clusters[i].first_character].source_begin < offset;
  };
  // Both return the advance of the clusters they pass.
  const auto pass = [&](size_t offset) {
    int advance = 0;
    for (; begins_before(offset); ++i) advance += clusters[i].advance;
    return advance;
  };
  const auto pass_without_space = [&](size_t offset) {
    int advance = 0;
    for (; begins_before(offset); ++i) {
      if (clusters[i].is_white) clusters[i].advance = 0;
      advance += clusters[i].advance;
    }
    return advance;
  };
  std::vector<Cell> cells;
  for (const TableCell& source_cell : row.cells) {
    Cell& cell = cells.emplace_back(Cell{.begin = i});
    cell.separator_px = pass_without_space(source_cell.text_begin);
    // A tab is drawn as several spaces; all but the first count as following it.
    while (begins_before(source_cell.text_end) && clusters[i].is_white) {
      clusters[i++].advance = 0;
    }
    cell.text_begin = i;
    if (cell.separator_px > 0) {
      clusters[i - 1].advance += gap_px_;
      cell.separator_px += gap_px_;
    }
    cell.text_px = pass(source_cell.text_end) + pass_without_space(source_cell.end);
    cell.end = i;
  }
  return cells;
}

bool IsTableRow(LineKind kind) {
  return kind == LineKind::kTableHeader || kind == LineKind::kTableDelimiter ||
         kind == LineKind::kTableRow || kind == LineKind::kTabbedRow;
}

}  // namespace glyph::render
