#pragma once
#include <cstdint>
#include <vector>

#include "render_service/fonts/shaped_text.h"
#include "render_service/layout/line_breaker.h"
#include "render_service/layout/page_layout.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// What is odd in the text drawn. Counts, never text.
struct TextOddities {
  uint64_t missing_glyphs = 0;      // characters the font lacks
  uint64_t control_characters = 0;  // control and invisible characters
  uint64_t capped_marks = 0;        // combining marks beyond 8 on one base
};

// One broken line: glyphs and boxes in visual order, clusters in that of the source; x from the
// line's left edge, y from its baseline.
struct VisualLine {
  std::vector<PlacedGlyph> glyphs;
  std::vector<PlacedBox> boxes;
  bool has_clusters = false;  // they are asked for
  std::vector<PlacedCluster> clusters;
  int32_t left_px = 0;  // from the left edge of the text area
  int32_t width_px = 0;
  uint32_t source_begin = 0;
  uint32_t source_end = 0;
  bool is_blank = true;  // leaves no ink
};

// Replaces `line`, except left_px and has_clusters, by the clusters of `span` in visual order (UAX
// 9, rule L2) and adds to `oddities`.
void BuildVisualLine(const DisplayText& text, const ShapedText& shaped, const LineSpan& span,
                     VisualLine& line, TextOddities& oddities);

// Adds `cluster` behind those of `line`. One that stands for no byte, such as the second space of a
// tab, becomes a part of the one before it.
void AddCluster(const PlacedCluster& cluster, VisualLine& line);

// Adds what is odd in `cluster` to `oddities`.
void CountOddities(const DisplayText& text, const ShapedText& shaped, const ShapedCluster& cluster,
                   TextOddities& oddities);

// Adds `marker`, which stands beside `line` without touching it, as its begin. The source of a
// blank line ends with it.
void PrependMarker(const VisualLine& marker, VisualLine& line);

}  // namespace glyph::render
