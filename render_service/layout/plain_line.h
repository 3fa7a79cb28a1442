#pragma once
#include <cstddef>
#include <optional>

#include "render_service/fonts/break_rules.h"
#include "render_service/layout/line_breaker.h"
#include "render_service/layout/plain_window.h"
#include "render_service/layout/render_profile.h"
#include "render_service/layout/visual_line.h"

namespace glyph::render {

// BreakLine (line_breaker.h) of a plain window: the same line, found from its far end.
std::optional<LineSpan> BreakPlainLine(const PlainWindow& window, const BreakRules& rules,
                                       size_t begin, int width_px, WrapMode wrap,
                                       bool paragraph_ends);

// BuildVisualLine (visual_line.h) of a plain window in two steps: all but the glyphs and clusters,
// then these.
void MeasurePlainLine(const PlainWindow& window, const LineSpan& span, VisualLine& line);
void PlacePlainGlyphs(const PlainWindow& window, const LineSpan& span, VisualLine& line);

}  // namespace glyph::render
