#include "render_service/layout/paginator.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace glyph::render {

Paginator::Paginator(const RenderProfile& profile, size_t num_pages)
    : profile_(profile), num_document_pages_(num_pages), lines_per_page_(profile.LinesPerPage()) {}

void Paginator::BeginGroup() {
  if (put_off_) TakeRow(*std::exchange(put_off_, std::nullopt));
  begins_at_foot_ = row_ == lines_per_page_ - 1;
}

void Paginator::AddLine(const VisualLine& line) {
  if (!PutOff(line)) TakeRow(line);
}

bool Paginator::PutOff(const VisualLine& line) {
  if (std::exchange(begins_at_foot_, false)) {
    put_off_ = line;
    return true;
  }
  if (put_off_) {
    ClosePage();
    TakeRow(*std::exchange(put_off_, std::nullopt));
  }
  return false;
}

void Paginator::TakeRow(const VisualLine& line) {
  if (line.is_blank) return AdvanceRow();
  CountDroppedLines();
  if (num_document_pages_ > 0) PlaceLine(line);
  page_.num_rows = row_ + 1;
  right_px_ = std::max(right_px_, profile_.margin_left_px + line.left_px + line.width_px);
  AdvanceRow();
}

void Paginator::PlaceLine(const VisualLine& line) {
  const int left = profile_.margin_left_px + line.left_px;
  const int top = profile_.LineTop(row_);
  const int baseline = top + profile_.baseline_px;
  const auto first_glyph = static_cast<uint32_t>(page_.glyphs.size());
  const auto place = [&](auto placed) {
    placed.x = static_cast<int16_t>(placed.x + left);
    placed.y = static_cast<int16_t>(placed.y + baseline);
    return placed;
  };
  page_.glyphs.resize(first_glyph + line.glyphs.size());
  std::transform(line.glyphs.begin(), line.glyphs.end(), page_.glyphs.begin() + first_glyph, place);
  for (const PlacedBox& box : line.boxes) page_.boxes.push_back(place(box));
  const auto first_cluster = static_cast<uint32_t>(page_.clusters.size());
  page_.clusters.insert(page_.clusters.end(), line.clusters.begin(), line.clusters.end());
  for (size_t i = first_cluster; i < page_.clusters.size(); ++i) {
    page_.clusters[i].x = static_cast<int16_t>(page_.clusters[i].x + left);
  }
  page_.lines.push_back(
      {.source_begin = line.source_begin,
       .source_end = line.source_end,
       .x = static_cast<int16_t>(left),
       .y = static_cast<int16_t>(top),
       .width = static_cast<int16_t>(std::min(line.width_px, profile_.padded_width_px() - left)),
       .height = static_cast<int16_t>(std::lround(profile_.line_pitch_px)),
       .first_glyph = first_glyph,
       .end_glyph = static_cast<uint32_t>(page_.glyphs.size()),
       .first_cluster = first_cluster,
       .end_cluster = static_cast<uint32_t>(page_.clusters.size())});
}

void Paginator::AddBlankLine() {
  if (profile_.wrap == WrapMode::kUpstream) {
    AddLine(VisualLine());
  } else if (page_.num_rows == 0) {
    ++dropped_lines_;
  } else {
    AdvanceRow();
  }
}

void Paginator::Finish() {
  if (put_off_) TakeRow(*std::exchange(put_off_, std::nullopt));
  if (page_.num_rows > 0) ClosePage();
  CountDroppedLines();
}

void Paginator::AdvanceRow() {
  if (++row_ == lines_per_page_) ClosePage();
}

void Paginator::ClosePage() {
  if (page_.num_rows > 0) {
    page_.width_px = profile_.PageWidth(right_px_);
    if (num_document_pages_ > 0) {
      page_.height_px = profile_.PageHeight(page_.num_rows, num_finished_, num_document_pages_);
    }
    pages_.push_back(std::exchange(page_, {}));
    ++num_finished_;
  } else {
    ++num_blank_pages_;
  }
  right_px_ = 0;
  row_ = 0;
}

void Paginator::CountDroppedLines() {
  num_blank_pages_ += static_cast<uint32_t>(dropped_lines_ / lines_per_page_);
  dropped_lines_ = 0;
}

}  // namespace glyph::render
