#pragma once
#include <cstddef>
#include <optional>
#include <span>

#include "render_service/fonts/shaped_text.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {

// One visual line as indices of clusters: [begin, end) is drawn, [end, next) is the white space
// dropped at the break.
struct LineSpan {
  size_t begin = 0;
  size_t end = 0;
  size_t next = 0;
};

// Breaks the line that begins at `begin` < clusters.size(), greedily: at the last opportunity of
// `wrap` before which the text fits `width_px`; when there is none, before the first cluster that
// does not fit (a line holds at least one). `paragraph_ends`: no text follows the clusters.
// nullopt: the line reaches their end, but the paragraph goes on, so more clusters are needed to
// tell.
std::optional<LineSpan> BreakLine(std::span<const ShapedCluster> clusters, size_t begin,
                                  int width_px, WrapMode wrap, bool paragraph_ends);

}  // namespace glyph::render
