#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "render_service/structure/line_cursor.h"
#include "render_service/structure/markdown_markers.h"
#include "render_service/structure/numbering.h"
#include "render_service/structure/structured_line.h"

namespace glyph::render {

// Tells what the lines of a plain text or Markdown document are, in one pass with one line of
// lookahead. It never fails and drops nothing: the lines partition the source. Block structure is
// CommonMark's and GFM's tables, except where that would harm plain text: a line that continues a
// paragraph without its quote markers or without any indent is outside, and indented lines are code
// only if they look like it. Chinese numbering makes headings and list items. Nothing inside a line
// is interpreted.
//   StructureReader reader(source.bytes(), source.content_begin());
//   while (const std::optional<StructuredLine> line = reader.Next()) ...
// Its state has a constant size, so a copy is a bookmark: a table can be measured by a copy before
// it is laid out. Time is linear in the source, whatever it holds. Not thread-safe.
class StructureReader {
 public:
  // `source` outlives the reader. `begin` <= source.size() begins a hard line.
  StructureReader(std::string_view source, size_t begin);

  // The next line; nullopt after the last one.
  std::optional<StructuredLine> Next();

  // Bytes looked at so far, each time they were.
  uint64_t num_reads() const { return num_reads_; }

 private:
  // A quote, or a list item whose content is indented by `columns`.
  struct Container {
    bool is_quote = false;
    uint8_t columns = 0;
  };
  // What the last line left open.
  enum class Open : uint8_t {
    kNothing,
    kParagraph,
    kTable,
    kTabbedRows,
    kIndentedCode,
    kFence,
    kBlank,
    kBlankInCode,  // indented code may go on after it
  };
  // What the lookahead has found the next line to be.
  enum class Awaited : uint8_t { kNothing, kUnderline, kDelimiter };

  // Passes the markers of the containers that `cursor`'s line continues; returns their number.
  int MatchContainers(LineCursor& cursor) const;
  // Whether a line of `matched` < depth_ containers goes on with the paragraph of a list item,
  // although it is indented less than the item.
  bool ContinuesItem(const LineCursor& cursor, int matched) const;
  void OpenContainers(LineCursor& cursor, StructuredLine& line);
  bool OpenListItem(LineCursor& cursor);
  // The next line, inside the same containers; nullopt when it leaves them.
  std::optional<LineCursor> PeekLine();

  void ReadFenced(const LineCursor& cursor, StructuredLine& line);
  void ReadLeaf(LineCursor& cursor, StructuredLine& line);
  // Each tells whether the line was its kind.
  bool TakeBlank(const LineCursor& cursor, StructuredLine& line);
  bool TakeNumbered(LineCursor& cursor, StructuredLine& line);
  bool TakeIndented(const LineCursor& cursor, StructuredLine& line);
  bool TakeHeading(LineCursor& cursor, StructuredLine& line);
  bool TakeFence(const LineCursor& cursor, StructuredLine& line);
  bool TakeRule(const LineCursor& cursor, StructuredLine& line);
  bool TakeTable(const LineCursor& cursor, StructuredLine& line);
  bool TakeTabbedRow(const LineCursor& cursor, StructuredLine& line);
  bool TakeUnderlined(const LineCursor& cursor, StructuredLine& line);
  bool LooksLikeCode(const LineCursor& cursor);
  // Makes `line` part of the `open` block, a new one when the last line left another one open.
  void Continue(Open open, LineKind kind, StructuredLine& line);

  std::string_view source_;
  HardLine next_line_;
  std::array<Container, kMaxNesting> containers_{};
  int depth_ = 0;  // of containers_
  Open open_ = Open::kNothing;
  Awaited awaited_ = Awaited::kNothing;
  Fence fence_;                                            // of Open::kFence
  size_t num_tabs_ = 0;                                    // a row of Open::kTabbedRows
  NumberingStyle last_numbering_ = NumberingStyle::kNone;  // of the last line
  uint64_t num_reads_ = 0;
};

}  // namespace glyph::render
