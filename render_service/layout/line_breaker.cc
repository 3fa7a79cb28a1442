#include "render_service/layout/line_breaker.h"

#include <cstdint>

namespace glyph::render {
namespace {

// The line of clusters [begin, end) with the next one at `next`. In kUnicode white space at its end
// hangs: it is not part of the line.
LineSpan MakeLine(std::span<const ShapedCluster> clusters, size_t begin, size_t end, size_t next,
                  WrapMode wrap) {
  while (wrap == WrapMode::kUnicode && end > begin && clusters[end - 1].is_white) --end;
  return {begin, end, next};
}

// The opportunity to break at cluster `i`, as the span of the line it would end. In kSpaces a line
// that begins with a space may end before it, so an indent never cuts the word after it.
std::optional<LineSpan> OpportunityAt(std::span<const ShapedCluster> clusters, size_t begin,
                                      size_t i, WrapMode wrap) {
  if (wrap == WrapMode::kSpaces) {
    if (!clusters[i].is_space) return std::nullopt;
    return LineSpan{begin, i, i + 1};
  }
  if (i == begin || !clusters[i].can_break_before || clusters[i].is_white) return std::nullopt;
  return MakeLine(clusters, begin, i, i, wrap);
}

}  // namespace

std::optional<LineSpan> BreakLine(std::span<const ShapedCluster> clusters, size_t begin,
                                  int width_px, WrapMode wrap, bool paragraph_ends) {
  std::optional<LineSpan> last;
  int64_t pen = 0;
  for (size_t i = begin; i < clusters.size(); ++i) {
    if (auto opportunity = OpportunityAt(clusters, begin, i, wrap)) last = opportunity;
    const bool hangs = wrap == WrapMode::kUnicode && clusters[i].is_white;
    pen += clusters[i].advance;
    if (pen <= width_px || hangs) continue;
    if (last) return last;
    if (i > begin) return MakeLine(clusters, begin, i, i, wrap);
  }
  if (!paragraph_ends) return std::nullopt;
  return MakeLine(clusters, begin, clusters.size(), clusters.size(), wrap);
}

}  // namespace glyph::render
