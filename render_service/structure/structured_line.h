#pragma once
#include <cstddef>
#include <cstdint>

#include "render_service/text/hard_line.h"

namespace glyph::render {

// Quotes and lists nested deeper are text.
inline constexpr int kMaxNesting = 16;

enum class LineKind : uint8_t {
  kBlank,      // no content; its marker ("> ", "- ") may still leave ink
  kParagraph,  // also every line that is in doubt
  kHeading,    // "## Title", or the line above a kHeadingUnderline, or a Chinese numbered one
  kHeadingUnderline,  // ===== or -----
  kCodeFence,         // ``` or ~~~ at either end, with the info string as content
  kCode,              // verbatim: between fences, or indented
  kTableHeader,
  kTableDelimiter,  // |---|:-:|
  kTableRow,
  kTabbedRow,  // cells separated by tabs, as many as in the row before or after it
  kRule,       // ---, * * *, ___
};

// One hard line and what it is. Its bytes are, in this order and without gaps: the marker
// [hard.begin, content_begin), with all quote and list markers, the # of a heading and the white
// space around them; the content [content_begin, hard.end), as typed; the line end. Blocks are runs
// of lines: one begins at every line with `begins_block`.
struct StructuredLine {
  HardLine hard;
  size_t content_begin = 0;
  LineKind kind = LineKind::kParagraph;
  bool begins_block = true;
  bool begins_item = false;   // the marker holds a list marker
  uint8_t heading_level = 0;  // 1 to 6 of a kHeading
  uint8_t quote_depth = 0;    // quotes around the line, 0 to kMaxNesting
  uint8_t list_depth = 0;     // lists around the line, 0 to kMaxNesting + 1
};

}  // namespace glyph::render
