#include "render_service/layout/plain_line.h"

#include <algorithm>

namespace glyph::render {
namespace {

bool IsWhite(const PlainWindow& window, size_t i) { return window.glyph(i) == 0; }

LineSpan MakeLine(const PlainWindow& window, size_t begin, size_t end, WrapMode wrap) {
  const size_t next = end;
  while (wrap == WrapMode::kUnicode && end > begin && IsWhite(window, end - 1)) --end;
  return {begin, end, next};
}

// The last opportunity to end the line that begins at `begin`, up to character `last`.
std::optional<LineSpan> LastOpportunity(const PlainWindow& window, const BreakRules& rules,
                                        size_t begin, size_t last, WrapMode wrap) {
  const auto classes = window.break_classes();
  if (wrap == WrapMode::kSpaces) {
    for (size_t i = last + 1; i-- > begin;) {
      if (classes[i] == BreakClass::kSpace) return LineSpan{begin, i, i + 1};
    }
    return std::nullopt;
  }
  for (size_t i = last; i > begin; --i) {
    if (IsWhite(window, i) || !rules.CanBreakBefore(classes, i)) continue;
    return MakeLine(window, begin, i, wrap);
  }
  return std::nullopt;
}

// What AddCluster (visual_line.h) of one after the other gives.
void AddClusters(const PlainWindow& window, const LineSpan& span, VisualLine& line) {
  const auto pens = window.pens();
  line.clusters.resize(span.end - span.begin);
  PlacedCluster* out = line.clusters.data();
  for (size_t i = span.begin; i < span.end; ++i) {
    const auto width = static_cast<int16_t>(pens[i + 1] - pens[i]);
    if (window.source(i) < window.source(i + 1)) {
      out->source_begin = window.source(i);
      out->source_end = window.source(i + 1);
      out->x = static_cast<int16_t>(pens[i] - pens[span.begin]);
      out->width = width;
      ++out;
    } else if (out != line.clusters.data()) {
      out[-1].width = static_cast<int16_t>(out[-1].width + width);
    }
  }
  line.clusters.resize(static_cast<size_t>(out - line.clusters.data()));
}

}  // namespace

std::optional<LineSpan> BreakPlainLine(const PlainWindow& window, const BreakRules& rules,
                                       size_t begin, int width_px, WrapMode wrap,
                                       bool paragraph_ends) {
  const auto pens = window.pens();
  const uint32_t limit = pens[begin] + static_cast<uint32_t>(width_px);
  // The first character that does not fit; at the second try one that does not fit by itself is
  // taken.
  auto overflow = static_cast<size_t>(
      std::upper_bound(pens.begin() + static_cast<ptrdiff_t>(begin) + 1, pens.end(), limit) -
      pens.begin() - 1);
  for (;; ++overflow) {
    while (wrap == WrapMode::kUnicode && overflow < window.size() && IsWhite(window, overflow)) {
      ++overflow;
    }
    if (overflow == window.size()) break;
    if (auto line = LastOpportunity(window, rules, begin, overflow, wrap)) return line;
    if (overflow > begin) return MakeLine(window, begin, overflow, wrap);
  }
  if (!paragraph_ends) return std::nullopt;
  return MakeLine(window, begin, window.size(), wrap);
}

void MeasurePlainLine(const PlainWindow& window, const LineSpan& span, VisualLine& line) {
  const auto pens = window.pens();
  line.glyphs.clear();
  line.boxes.clear();
  line.clusters.clear();
  line.source_begin = window.source(span.begin);
  line.source_end = window.source(span.end);
  line.width_px = static_cast<int32_t>(pens[span.end] - pens[span.begin]);
  size_t i = span.begin;
  while (i < span.end && IsWhite(window, i)) ++i;
  line.is_blank = i == span.end;
}

void PlacePlainGlyphs(const PlainWindow& window, const LineSpan& span, VisualLine& line) {
  const auto pens = window.pens();
  line.glyphs.resize(span.end - span.begin);
  PlacedGlyph* out = line.glyphs.data();
  for (size_t i = span.begin; i < span.end; ++i) {
    *out = {window.glyph(i), static_cast<int16_t>(pens[i] - pens[span.begin]), 0};
    out += IsWhite(window, i) ? 0 : 1;
  }
  line.glyphs.resize(static_cast<size_t>(out - line.glyphs.data()));
  if (line.has_clusters) AddClusters(window, span, line);
}

}  // namespace glyph::render
