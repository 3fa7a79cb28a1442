#pragma once
#include <cstddef>
#include <optional>

#include "render_service/layout/line_breaker.h"
#include "render_service/layout/upstream_window.h"
#include "render_service/layout/visual_line.h"

// Lines as zai-org/Glyph's renderer makes them: reportlab 5.1's Paragraph, aligned left, with
// wordWrap None, or "CJK" in texts with Chinese characters. README.md, "glyph-upstream", says what
// is left out.
namespace glyph::render {

// A LineSpan of an UpstreamWindow. Upstream takes as many words on a line as fit when each space
// gives up to a twentieth of its width, and then makes all spaces of the line narrower alike.
struct UpstreamLine {
  LineSpan span;
  double shrink = 0;  // taken from each space, in the units of advances
};

// Breaks the line that begins at `begin` < window.size(). `width` is in the units of advances.
// nullopt as BreakLine (line_breaker.h). White space is dropped where a line begins or ends at it;
// a span of nothing else is empty.
std::optional<UpstreamLine> BreakAtSpaces(const UpstreamWindow& window, size_t begin, double width,
                                          bool paragraph_ends);

// The same between any two characters, with what upstream knows of Chinese: punctuation does not
// begin a line but hangs over its end, and a word in Latin letters is not cut if space or a Chinese
// character comes in the half of the line before it.
std::optional<UpstreamLine> BreakBetweenCharacters(const UpstreamWindow& window, size_t begin,
                                                   double width, bool paragraph_ends);

// Replaces `line`, except left_px and has_clusters, by `upstream`, a line of `window`, which was
// filled from `text` and `shaped`. Clusters stand in logical order, as upstream knows no other, on
// quarters of a pixel (page_layout.h); their boxes, on the pixels that they begin in. Adds to
// `oddities`.
void BuildUpstreamLine(const DisplayText& text, const ShapedText& shaped,
                       const UpstreamWindow& window, const UpstreamLine& upstream,
                       double units_per_px, VisualLine& line, TextOddities& oddities);

// The same of a `window` filled from `plain`, in two steps: all but the glyphs and clusters, then
// these.
void MeasureUpstreamLine(const PlainWindow& plain, const UpstreamWindow& window,
                         const LineSpan& span, double units_per_px, VisualLine& line);
void PlaceUpstreamGlyphs(const PlainWindow& plain, const UpstreamWindow& window,
                         const UpstreamLine& upstream, double units_per_px, VisualLine& line);

}  // namespace glyph::render
