#pragma once
#include <cstddef>
#include <optional>

#include "render_service/structure/line_cursor.h"

// What a line of Markdown can begin with. All functions look at the text of `line` and expect
// line.Indent() < kCodeIndent.
namespace glyph::render {

// Columns of white space that make a line indented code.
inline constexpr int kCodeIndent = 4;

// 1 to 6 for "# Title" to "###### Title"; otherwise 0.
int HeadingLevel(const LineCursor& line);

// 1 for =====, 2 for -----, at least two of them; otherwise 0.
int UnderlineLevel(const LineCursor& line);

// Three or more of one of -, * and _, with spaces between them. Rules of more than 1 KiB are text.
bool IsRule(const LineCursor& line);

struct Fence {
  char mark = '`';
  size_t length = 0;
};

// ``` or ~~~ and what may follow it.
std::optional<Fence> MatchFence(const LineCursor& line);
// Whether the line ends the code that `fence` began.
bool ClosesFence(const LineCursor& line, const Fence& fence);

struct ListMarker {
  size_t length = 0;
  bool may_interrupt = false;  // a paragraph: a bullet or the number 1, and not empty
};

// -, *, +, "1." or "1)" before white space.
std::optional<ListMarker> MatchListMarker(const LineCursor& line);

}  // namespace glyph::render
