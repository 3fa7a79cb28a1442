#include "tests/render_service/structure/check_structure.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "render_service/structure/structure_reader.h"
#include "render_service/structure/table_row.h"

namespace glyph::render {
namespace {

// Reads of a byte, at most; and more of a line, however short.
constexpr uint64_t kMaxReadsPerByte = 8;
constexpr uint64_t kMaxReadsPerLine = 64;

std::string_view NameOf(LineKind kind) {
  switch (kind) {
    case LineKind::kBlank:
      return "blank";
    case LineKind::kParagraph:
      return "paragraph";
    case LineKind::kHeading:
      return "heading";
    case LineKind::kHeadingUnderline:
      return "underline";
    case LineKind::kCodeFence:
      return "fence";
    case LineKind::kCode:
      return "code";
    case LineKind::kTableHeader:
      return "header";
    case LineKind::kTableDelimiter:
      return "delimiter";
    case LineKind::kTableRow:
      return "row";
    case LineKind::kTabbedRow:
      return "tabbed";
    case LineKind::kRule:
      return "rule";
  }
  return "?";
}

bool IsPipeRow(LineKind kind) {
  return kind == LineKind::kTableHeader || kind == LineKind::kTableDelimiter ||
         kind == LineKind::kTableRow;
}

TableRow SplitCells(std::string_view source, const StructuredLine& line) {
  TableRow row;
  if (IsPipeRow(line.kind)) {
    SplitPipeRow(source, line.content_begin, line.hard.end, row);
  } else {
    SplitTabbedRow(source, line.content_begin, line.hard.end, row);
  }
  return row;
}

std::string FindRowViolation(std::string_view source, const StructuredLine& line) {
  const TableRow row = SplitCells(source, line);
  if (row.cells.empty() || row.cells.size() > kMaxTableColumns) return "number of cells";
  size_t begin = line.content_begin;
  for (const TableCell& cell : row.cells) {
    if (cell.begin != begin) return "cells leave a gap";
    if (cell.text_begin < cell.begin || cell.text_end < cell.text_begin) return "order in a cell";
    if (cell.end < cell.text_end) return "the end of a cell";
    begin = cell.end;
  }
  return begin == row.closing_begin && begin <= line.hard.end ? "" : "the closing pipe";
}

std::string FindLineViolation(std::string_view source, const StructuredLine& line) {
  if (line.content_begin < line.hard.begin || line.content_begin > line.hard.end) {
    return "the content is outside of its line";
  }
  if (line.quote_depth + line.list_depth > kMaxNesting + 1) return "depth";
  if ((line.kind == LineKind::kHeading) != (line.heading_level > 0)) return "heading level";
  if (line.heading_level > 6) return "heading level";
  if (line.begins_item && !line.begins_block) return "an item inside a block";
  return IsPipeRow(line.kind) || line.kind == LineKind::kTabbedRow ? FindRowViolation(source, line)
                                                                   : "";
}

// Whether lines of the two kinds may follow each other in a block.
bool MayFollow(LineKind kind, LineKind last) {
  if (kind == LineKind::kHeadingUnderline) return last == LineKind::kHeading;
  if (kind == LineKind::kCodeFence || kind == LineKind::kCode) {
    return last == LineKind::kCodeFence || last == LineKind::kCode;
  }
  if (kind == LineKind::kTableDelimiter) return last == LineKind::kTableHeader;
  if (kind == LineKind::kTableRow) return IsPipeRow(last);
  return kind == last;
}

}  // namespace

std::string FindStructureViolation(std::string_view source) {
  StructureReader reader(source, 0);
  size_t offset = 0;
  uint64_t num_lines = 0;
  std::optional<StructuredLine> last;
  while (const std::optional<StructuredLine> line = reader.Next()) {
    const auto at = " at byte " + std::to_string(offset);
    if (line->hard.begin != offset || line->hard.next <= offset) return "lines leave a gap" + at;
    if (line->hard.end < offset || line->hard.next < line->hard.end) return "order in a line" + at;
    const std::string violation = FindLineViolation(source, *line);
    if (!violation.empty()) return violation + at;
    if (!line->begins_block && (!last || !MayFollow(line->kind, last->kind))) {
      return "kinds of a block" + at;
    }
    offset = line->hard.next;
    ++num_lines;
    last = line;
  }
  if (offset != source.size()) return "the source goes on at byte " + std::to_string(offset);
  if (reader.num_reads() > kMaxReadsPerByte * source.size() + kMaxReadsPerLine * num_lines) {
    return std::to_string(reader.num_reads()) + " reads of " + std::to_string(source.size()) +
           " bytes";
  }
  return "";
}

std::string DumpStructure(std::string_view source) {
  std::string dump;
  StructureReader reader(source, 0);
  while (const std::optional<StructuredLine> line = reader.Next()) {
    std::string kind(NameOf(line->kind));
    if (line->heading_level > 0) kind += std::to_string(line->heading_level);
    if (line->quote_depth > 0) kind += " q" + std::to_string(line->quote_depth);
    if (line->list_depth > 0) kind += " l" + std::to_string(line->list_depth);
    if (line->begins_item) kind += " item";
    kind.resize(std::max<size_t>(kind.size(), 20), ' ');
    const auto text = [&](size_t begin, size_t end) {
      return std::string(source.substr(begin, end - begin));
    };
    dump += line->begins_block ? "+ " : "  ";
    dump += kind + "|" + text(line->hard.begin, line->content_begin) + "|";
    if (IsPipeRow(line->kind) || line->kind == LineKind::kTabbedRow) {
      const TableRow row = SplitCells(source, *line);
      for (const TableCell& cell : row.cells) {
        dump += "[" + text(cell.text_begin, cell.text_end) + "]";
      }
      dump += text(row.closing_begin, line->hard.end);
    } else {
      dump += text(line->content_begin, line->hard.end);
    }
    dump += "\n";
  }
  return dump;
}

}  // namespace glyph::render
