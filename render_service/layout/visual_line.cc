#include "render_service/layout/visual_line.h"

#include <algorithm>
#include <numeric>

namespace glyph::render {
namespace {

// Indices of the clusters of `span` from left to right.
std::vector<size_t> VisualOrder(const ShapedText& shaped, const LineSpan& span) {
  std::vector<size_t> order(span.end - span.begin);
  std::iota(order.begin(), order.end(), span.begin);
  const auto level = [&](size_t cluster) { return shaped.clusters[cluster].bidi_level; };
  int highest = 0;
  for (const size_t cluster : order) highest = std::max<int>(highest, level(cluster));
  for (int reversed = highest; reversed > 0; --reversed) {
    for (auto begin = order.begin(); begin != order.end();) {
      const auto end = std::find_if(begin, order.end(),
                                    [&](size_t cluster) { return level(cluster) < reversed; });
      std::reverse(begin, end);
      begin = std::find_if(end, order.end(),
                           [&](size_t cluster) { return level(cluster) >= reversed; });
    }
  }
  return order;
}

void PlaceCluster(const ShapedText& shaped, const ShapedCluster& cluster, VisualLine& line) {
  for (uint32_t i = cluster.first_glyph; i < cluster.end_glyph && !cluster.is_white; ++i) {
    const ShapedGlyph& glyph = shaped.glyphs[i];
    const auto x = static_cast<int16_t>(line.width_px + glyph.x);
    if (glyph.is_box) {
      line.boxes.push_back({glyph.id, x, glyph.y});
    } else {
      line.glyphs.push_back({glyph.id, x, glyph.y});
    }
  }
  line.is_blank = line.is_blank && cluster.is_white;
  line.width_px += cluster.advance;
}

// The clusters of `span`, whose left edges in visual order `lefts` holds.
void AddClusters(const DisplayText& text, const ShapedText& shaped, const LineSpan& span,
                 const std::vector<int32_t>& lefts, VisualLine& line) {
  for (size_t i = span.begin; i < span.end; ++i) {
    const ShapedCluster& cluster = shaped.clusters[i];
    AddCluster({.source_begin = text.characters[cluster.first_character].source_begin,
                .source_end = text.characters[cluster.end_character - 1].source_end,
                .x = static_cast<int16_t>(lefts[i - span.begin]),
                .width = static_cast<int16_t>(cluster.advance),
                .is_rtl = cluster.bidi_level % 2 != 0},
               line);
  }
}

void Shift(int px, VisualLine& line) {
  for (PlacedGlyph& glyph : line.glyphs) glyph.x = static_cast<int16_t>(glyph.x + px);
  for (PlacedBox& box : line.boxes) box.x = static_cast<int16_t>(box.x + px);
  for (PlacedCluster& cluster : line.clusters) cluster.x = static_cast<int16_t>(cluster.x + px);
}

}  // namespace

void AddCluster(const PlacedCluster& cluster, VisualLine& line) {
  if (cluster.source_begin < cluster.source_end) {
    line.clusters.push_back(cluster);
  } else if (!line.clusters.empty()) {
    PlacedCluster& last = line.clusters.back();
    const int right = std::max(last.x + last.width, cluster.x + cluster.width);
    last.x = std::min(last.x, cluster.x);
    last.width = static_cast<int16_t>(right - last.x);
  }
}

void CountOddities(const DisplayText& text, const ShapedText& shaped, const ShapedCluster& cluster,
                   TextOddities& oddities) {
  for (uint32_t i = cluster.first_character; i < cluster.end_character; ++i) {
    oddities.control_characters += text.characters[i].is_box;
    oddities.capped_marks += text.characters[i].is_capped_mark;
  }
  if (text.characters[cluster.first_character].is_box) return;
  for (uint32_t i = cluster.first_glyph; i < cluster.end_glyph; ++i) {
    oddities.missing_glyphs += shaped.glyphs[i].is_box;
  }
}

void BuildVisualLine(const DisplayText& text, const ShapedText& shaped, const LineSpan& span,
                     VisualLine& line, TextOddities& oddities) {
  line.glyphs.clear();
  line.boxes.clear();
  line.clusters.clear();
  line.width_px = 0;
  line.is_blank = true;
  if (span.begin == span.end) return;
  const ShapedCluster& first = shaped.clusters[span.begin];
  const ShapedCluster& last = shaped.clusters[span.end - 1];
  line.source_begin = text.characters[first.first_character].source_begin;
  line.source_end = text.characters[last.end_character - 1].source_end;
  std::vector<int32_t> lefts(span.end - span.begin);
  for (const size_t i : VisualOrder(shaped, span)) {
    CountOddities(text, shaped, shaped.clusters[i], oddities);
    lefts[i - span.begin] = line.width_px;
    PlaceCluster(shaped, shaped.clusters[i], line);
  }
  if (line.has_clusters) AddClusters(text, shaped, span, lefts, line);
}

void PrependMarker(const VisualLine& marker, VisualLine& line) {
  if (line.is_blank) line.clusters.clear();
  const int left = std::min(marker.left_px, line.left_px);
  const int right = std::max(marker.left_px + marker.width_px, line.left_px + line.width_px);
  VisualLine begin = marker;
  Shift(marker.left_px - left, begin);
  Shift(line.left_px - left, line);
  line.glyphs.insert(line.glyphs.begin(), begin.glyphs.begin(), begin.glyphs.end());
  line.boxes.insert(line.boxes.begin(), begin.boxes.begin(), begin.boxes.end());
  line.clusters.insert(line.clusters.begin(), begin.clusters.begin(), begin.clusters.end());
  line.left_px = left;
  line.width_px = right - left;
  line.source_begin = marker.source_begin;
  if (line.is_blank) line.source_end = marker.source_end;
  line.is_blank = false;
}

}  // namespace glyph::render
