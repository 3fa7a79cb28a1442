#include "render_service/structure/structure_reader.h"

#include <algorithm>
#include <utility>

#include "render_service/structure/table_row.h"

namespace glyph::render {
namespace {

constexpr size_t kMaxUnderlinedBytes = 240;  // longer: a paragraph above a rule
constexpr size_t kMaxCodeBytes = 120;        // of the first line of indented code

int LevelOf(NumberingStyle style) {
  switch (style) {
    case NumberingStyle::kChapter:
      return 1;
    case NumberingStyle::kSection:
    case NumberingStyle::kComma:
      return 2;
    case NumberingStyle::kBrackets:
      return 3;
    case NumberingStyle::kNone:
    case NumberingStyle::kItem:
      break;
  }
  return 0;
}

// Tabs between the cells of a row; 0 when the line is none.
size_t CountTabs(const LineCursor& cursor) {
  if (cursor.Indent() > 0) return 0;
  const std::string_view text = cursor.Rest(cursor.text());
  const auto count = static_cast<size_t>(std::count(text.begin(), text.end(), '\t'));
  return count < kMaxTableColumns ? count : 0;
}

bool AtQuote(const LineCursor& cursor) {
  return cursor.Indent() < kCodeIndent && cursor.At(cursor.text()) == '>';
}

// The mark and one column of white space behind it.
void SkipQuote(LineCursor& cursor) {
  cursor.SkipText(1);
  cursor.SkipColumns(std::min(1, cursor.Indent()));
}

}  // namespace

StructureReader::StructureReader(std::string_view source, size_t begin)
    : source_(source),
      next_line_(ReadHardLine(source, begin)),
      num_reads_(next_line_.next - begin) {}

std::optional<StructuredLine> StructureReader::Next() {
  if (next_line_.begin == source_.size()) return std::nullopt;
  StructuredLine line{.hard = next_line_};
  next_line_ = ReadHardLine(source_, line.hard.next);
  num_reads_ += next_line_.next - next_line_.begin;

  LineCursor cursor(source_, line.hard, num_reads_);
  const int matched = MatchContainers(cursor);
  if (matched < depth_ && !ContinuesItem(cursor, matched)) {
    depth_ = matched;
    open_ = Open::kNothing;
  }
  if (open_ == Open::kFence) {
    ReadFenced(cursor, line);
  } else if (awaited_ != Awaited::kNothing) {
    line.kind =
        awaited_ == Awaited::kDelimiter ? LineKind::kTableDelimiter : LineKind::kHeadingUnderline;
    line.begins_block = false;
    awaited_ = Awaited::kNothing;
  } else {
    OpenContainers(cursor, line);
    ReadLeaf(cursor, line);
  }
  line.content_begin = cursor.position();
  for (int i = 0; i < depth_; ++i) ++(containers_[i].is_quote ? line.quote_depth : line.list_depth);
  return line;
}

int StructureReader::MatchContainers(LineCursor& cursor) const {
  for (int i = 0; i < depth_; ++i) {
    if (containers_[i].is_quote) {
      if (!AtQuote(cursor)) return i;
      SkipQuote(cursor);
    } else if (!cursor.is_blank()) {
      if (cursor.Indent() < containers_[i].columns) return i;
      cursor.SkipColumns(containers_[i].columns);
    }
  }
  return depth_;
}

bool StructureReader::ContinuesItem(const LineCursor& cursor, int matched) const {
  return open_ == Open::kParagraph && !containers_[matched].is_quote && !cursor.is_blank() &&
         cursor.Indent() > 0 && !AtQuote(cursor) && !MatchListMarker(cursor) &&
         HeadingLevel(cursor) == 0 && !MatchFence(cursor);
}

void StructureReader::OpenContainers(LineCursor& cursor, StructuredLine& line) {
  while (depth_ < kMaxNesting) {
    if (AtQuote(cursor)) {
      SkipQuote(cursor);
      containers_[depth_++] = {.is_quote = true};
    } else if (OpenListItem(cursor)) {
      line.begins_item = true;
    } else {
      return;
    }
    open_ = Open::kNothing;
  }
}

bool StructureReader::OpenListItem(LineCursor& cursor) {
  const int indent = cursor.Indent();
  if (indent >= kCodeIndent || IsRule(cursor)) return false;
  const std::optional<ListMarker> marker = MatchListMarker(cursor);
  if (!marker || (open_ == Open::kParagraph && !marker->may_interrupt)) return false;
  cursor.SkipText(marker->length);
  // More white space is part of the content: indented code.
  const bool is_padding = !cursor.is_blank() && cursor.Indent() <= kCodeIndent;
  const int padding = is_padding ? cursor.Indent() : 1;
  cursor.SkipColumns(std::min(padding, cursor.Indent()));
  const int columns = indent + static_cast<int>(marker->length) + padding;
  containers_[depth_++] = {.is_quote = false, .columns = static_cast<uint8_t>(columns)};
  return true;
}

std::optional<LineCursor> StructureReader::PeekLine() {
  if (next_line_.begin == source_.size()) return std::nullopt;
  LineCursor cursor(source_, next_line_, num_reads_);
  if (MatchContainers(cursor) < depth_) return std::nullopt;
  return cursor;
}

void StructureReader::ReadFenced(const LineCursor& cursor, StructuredLine& line) {
  line.begins_block = false;
  line.kind = LineKind::kCode;
  if (cursor.Indent() >= kCodeIndent || !ClosesFence(cursor, fence_)) return;
  line.kind = LineKind::kCodeFence;
  open_ = Open::kNothing;
}

void StructureReader::ReadLeaf(LineCursor& cursor, StructuredLine& line) {
  const bool is_taken =
      TakeBlank(cursor, line) || TakeNumbered(cursor, line) || TakeIndented(cursor, line) ||
      TakeHeading(cursor, line) || TakeFence(cursor, line) || TakeRule(cursor, line) ||
      TakeTable(cursor, line) || TakeTabbedRow(cursor, line) || TakeUnderlined(cursor, line);
  if (!is_taken) Continue(Open::kParagraph, LineKind::kParagraph, line);
}

bool StructureReader::TakeBlank(const LineCursor& cursor, StructuredLine& line) {
  if (!cursor.is_blank()) return false;
  const bool is_in_code = open_ == Open::kIndentedCode || open_ == Open::kBlankInCode;
  Continue(is_in_code ? Open::kBlankInCode : Open::kBlank, LineKind::kBlank, line);
  last_numbering_ = NumberingStyle::kNone;
  return true;
}

bool StructureReader::TakeNumbered(LineCursor& cursor, StructuredLine& line) {
  const bool is_code = open_ == Open::kIndentedCode && cursor.Indent() >= kCodeIndent;
  const Numbering numbering = is_code ? Numbering() : MatchNumbering(cursor);
  const NumberingStyle last = std::exchange(last_numbering_, numbering.style);
  if (numbering.style == NumberingStyle::kNone) return false;
  const std::optional<LineCursor> next = PeekLine();
  const bool is_in_series =
      numbering.style == last || (next && MatchNumbering(*next).style == numbering.style);
  const int level = LevelOf(numbering.style);
  const bool is_chapter =
      numbering.style == NumberingStyle::kChapter || numbering.style == NumberingStyle::kSection;
  if (level > 0 && !is_in_series && IsTitle(cursor, numbering.content_begin)) {
    line.kind = LineKind::kHeading;
    line.heading_level = static_cast<uint8_t>(level);
  } else if (is_chapter) {
    return false;
  } else {
    line.begins_item = true;
    ++line.list_depth;
  }
  cursor.SkipText(numbering.content_begin - cursor.text());
  open_ = Open::kNothing;
  return true;
}

bool StructureReader::TakeIndented(const LineCursor& cursor, StructuredLine& line) {
  if (cursor.Indent() < kCodeIndent) return false;
  const bool continues = open_ == Open::kIndentedCode || open_ == Open::kBlankInCode;
  if (continues || (open_ != Open::kParagraph && LooksLikeCode(cursor))) {
    Continue(Open::kIndentedCode, LineKind::kCode, line);
  } else {
    Continue(Open::kParagraph, LineKind::kParagraph, line);
  }
  return true;
}

// An indented first line of a paragraph is followed by lines that are not, is long, or ends
// like prose.
bool StructureReader::LooksLikeCode(const LineCursor& cursor) {
  if (cursor.end() - cursor.text() > kMaxCodeBytes) return false;
  if (EndsLikeProse(cursor.Rest(cursor.text()))) return false;
  const std::optional<LineCursor> next = PeekLine();
  return !next || next->is_blank() || next->Indent() >= kCodeIndent;
}

bool StructureReader::TakeHeading(LineCursor& cursor, StructuredLine& line) {
  const int level = HeadingLevel(cursor);
  if (level == 0) return false;
  cursor.SkipText(static_cast<size_t>(level));
  cursor.SkipColumns(cursor.Indent());
  line.kind = LineKind::kHeading;
  line.heading_level = static_cast<uint8_t>(level);
  open_ = Open::kNothing;
  return true;
}

bool StructureReader::TakeFence(const LineCursor& cursor, StructuredLine& line) {
  const std::optional<Fence> fence = MatchFence(cursor);
  if (!fence) return false;
  line.kind = LineKind::kCodeFence;
  fence_ = *fence;
  open_ = Open::kFence;
  return true;
}

bool StructureReader::TakeRule(const LineCursor& cursor, StructuredLine& line) {
  if (!IsRule(cursor)) return false;
  line.kind = LineKind::kRule;
  open_ = Open::kNothing;
  return true;
}

bool StructureReader::TakeTable(const LineCursor& cursor, StructuredLine& line) {
  if (open_ == Open::kTable && cursor.Rest(cursor.text()).find('|') != std::string_view::npos) {
    line.kind = LineKind::kTableRow;
    line.begins_block = false;
    return true;
  }
  const std::optional<LineCursor> next = PeekLine();
  if (!next || next->Indent() >= kCodeIndent) return false;
  const std::string_view delimiters = next->Rest(next->position());
  const size_t num_columns = ParseDelimiterRow(delimiters).size();
  if (num_columns == 0) return false;
  TableRow header;
  SplitPipeRow(source_, cursor.position(), cursor.end(), header);
  if (header.cells.size() != num_columns) return false;
  line.kind = LineKind::kTableHeader;
  open_ = Open::kTable;
  awaited_ = Awaited::kDelimiter;
  return true;
}

bool StructureReader::TakeTabbedRow(const LineCursor& cursor, StructuredLine& line) {
  const size_t num_tabs = CountTabs(cursor);
  if (num_tabs == 0) return false;
  if (open_ == Open::kTabbedRows && num_tabs == num_tabs_) {
    Continue(Open::kTabbedRows, LineKind::kTabbedRow, line);
    return true;
  }
  const std::optional<LineCursor> next = PeekLine();
  if (!next || CountTabs(*next) != num_tabs) return false;
  line.kind = LineKind::kTabbedRow;
  open_ = Open::kTabbedRows;
  num_tabs_ = num_tabs;
  return true;
}

bool StructureReader::TakeUnderlined(const LineCursor& cursor, StructuredLine& line) {
  if (open_ == Open::kParagraph || cursor.end() - cursor.text() > kMaxUnderlinedBytes) return false;
  const std::optional<LineCursor> next = PeekLine();
  const int level = next && next->Indent() < kCodeIndent ? UnderlineLevel(*next) : 0;
  if (level == 0) return false;
  line.kind = LineKind::kHeading;
  line.heading_level = static_cast<uint8_t>(level);
  open_ = Open::kNothing;
  awaited_ = Awaited::kUnderline;
  return true;
}

void StructureReader::Continue(Open open, LineKind kind, StructuredLine& line) {
  line.kind = kind;
  line.begins_block = open_ != open || line.begins_item;
  open_ = open;
}

}  // namespace glyph::render
