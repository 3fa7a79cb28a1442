#include "render_service/layout/line_styler.h"

#include <algorithm>
#include <cmath>

#include "render_service/layout/cell_grid.h"
#include "render_service/text/direction.h"

namespace glyph::render {
namespace {

// Display characters of a marker that is told from its text.
constexpr size_t kMaxMarkerCharacters = 256;

bool IsCode(LineKind kind) { return kind == LineKind::kCode || kind == LineKind::kCodeFence; }

// The clusters from the first to the last with ink, and one space behind them.
LineSpan VisiblePart(const ShapedText& shaped) {
  const auto has_ink = [](const ShapedCluster& cluster) { return !cluster.is_white; };
  const auto& clusters = shaped.clusters;
  const auto first = std::find_if(clusters.begin(), clusters.end(), has_ink);
  if (first == clusters.end()) return {};
  const auto last = std::find_if(clusters.rbegin(), clusters.rend(), has_ink).base();
  const size_t end = static_cast<size_t>(last - clusters.begin()) + (last != clusters.end());
  return {static_cast<size_t>(first - clusters.begin()), end, end};
}

}  // namespace

LineStyler::LineStyler(const SourceText& source, const RenderProfile& profile, bool has_clusters)
    : source_(source.bytes()),
      styles_(*profile.styles),
      text_width_px_(profile.text_width_px()),
      em_px_(static_cast<int>(std::lround(profile.font.size_px))),
      auto_direction_(profile.auto_direction),
      joiners_(profile.joiners),
      reader_(source.bytes(), source.content_begin()) {
  marker_.has_clusters = has_clusters;
}

bool LineStyler::Next(Shaper& shaper, TextOddities& oddities) {
  const std::optional<StructuredLine> line = reader_.Next();
  if (!line) return false;
  line_ = *line;
  const bool is_heading = line_.kind == LineKind::kHeading;
  paragraph_ = {
      .is_rtl = auto_direction_ && BeginsRightToLeft(source_.substr(
                                       line_.content_begin, line_.hard.end - line_.content_begin)),
      .is_heading = is_heading};
  PlaceMarker(shaper, oddities);
  blank_rows_before_ = is_heading ? std::max(0, styles_.heading_rows_before - num_blank_lines_) : 0;
  num_blank_lines_ = line_.kind == LineKind::kBlank && !has_marker_ ? num_blank_lines_ + 1 : 0;
  if (IsTableRow(line_.kind) && line_.begins_block && styles_.table_column_max_px > 0) {
    columns_ = TableColumns(source_, line_, reader_, shaper, styles_.table_column_max_px,
                            styles_.table_gap_px, text_width_px_ - left_px_, joiners_);
  }
  return true;
}

bool LineStyler::has_grid() const {
  return IsCode(line_.kind) ? styles_.code_cell_px > 0
                            : IsTableRow(line_.kind) && !columns_.empty();
}

void LineStyler::ApplyGrid(size_t begin, size_t end, const DisplayText& text,
                           ShapedText& shaped) const {
  if (!has_grid()) return;
  if (IsCode(line_.kind)) {
    SetInCells(styles_.code_cell_px, em_px_, shaped);
  } else if (begin == line_.content_begin && end == line_.hard.end) {
    columns_.Align(source_, line_, text, shaped);
  }
}

void LineStyler::PlaceMarker(Shaper& shaper, TextOddities& oddities) {
  has_marker_ = false;
  begin_ = line_.hard.begin;
  left_px_ = 0;
  const int max_left_px = text_width_px_ / 2;
  const int indent_px = std::min(
      line_.quote_depth * styles_.quote_indent_px + line_.list_depth * styles_.list_indent_px,
      max_left_px);
  if (line_.content_begin > line_.hard.begin) {
    DisplayText text;
    const size_t end = FillDisplayText(source_, line_.hard.begin, line_.content_begin,
                                       kMaxMarkerCharacters, joiners_, text);
    ShapedText shaped;
    shaper.Shape(text, paragraph_, shaped);
    const LineSpan span = VisiblePart(shaped);
    int width_px = 0;
    for (size_t i = span.begin; i < span.end; ++i) width_px += shaped.clusters[i].advance;
    if (end < line_.content_begin || width_px > max_left_px) return;
    has_marker_ = span.begin < span.end;
    BuildVisualLine(text, shaped, span, marker_, oddities);
  }
  const int marker_width_px = has_marker_ ? marker_.width_px : 0;
  begin_ = line_.content_begin;
  left_px_ = std::max(indent_px, marker_width_px);
  marker_.left_px = paragraph_.is_rtl ? text_width_px_ - left_px_ : left_px_ - marker_width_px;
}

}  // namespace glyph::render
