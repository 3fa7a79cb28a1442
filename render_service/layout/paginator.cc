#include "render_service/layout/paginator.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace glyph::render {

Paginator::Paginator(const RenderProfile& profile)
    : profile_(profile), lines_per_page_(profile.LinesPerPage()) {}

void Paginator::BeginGroup() {
  if (put_off_) PlaceLine(*std::exchange(put_off_, std::nullopt));
  begins_at_foot_ = row_ == lines_per_page_ - 1;
}

bool Paginator::PutOff(const VisualLine& line) {
  if (std::exchange(begins_at_foot_, false)) {
    put_off_ = line;
    return true;
  }
  if (put_off_) {
    ClosePage();
    PlaceLine(*std::exchange(put_off_, std::nullopt));
  }
  return false;
}

void Paginator::AddLine(const VisualLine& line) {
  if (!PutOff(line)) PlaceLine(line);
}

void Paginator::PlaceLine(const VisualLine& line) {
  if (line.is_blank) return AdvanceRow();
  CountDroppedLines();
  const int left = profile_.margin_left_px + line.left_px;
  const int top = profile_.LineTop(row_);
  const int baseline = top + profile_.baseline_px;
  const auto first_glyph = static_cast<uint32_t>(page_.glyphs.size());
  const auto place = [&](auto placed) {
    placed.x = static_cast<int16_t>(placed.x + left);
    placed.y = static_cast<int16_t>(placed.y + baseline);
    return placed;
  };
  for (const PlacedGlyph& glyph : line.glyphs) page_.glyphs.push_back(place(glyph));
  for (const PlacedBox& box : line.boxes) page_.boxes.push_back(place(box));
  page_.lines.push_back(
      {.source_begin = line.source_begin,
       .source_end = line.source_end,
       .x = static_cast<int16_t>(left),
       .y = static_cast<int16_t>(top),
       .width = static_cast<int16_t>(std::min(line.width_px, profile_.padded_width_px() - left)),
       .height = static_cast<int16_t>(std::lround(profile_.line_pitch_px)),
       .first_glyph = first_glyph,
       .end_glyph = static_cast<uint32_t>(page_.glyphs.size())});
  page_.num_rows = row_ + 1;
  AdvanceRow();
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
  if (put_off_) PlaceLine(*std::exchange(put_off_, std::nullopt));
  if (page_.num_rows > 0) ClosePage();
  CountDroppedLines();
  if (profile_.crop_margin_px > 0) return SizeCroppedPages();
  const bool all_equal = profile_.heights == PageHeights::kEqual && pages_.size() > 1;
  for (PageLayout& page : pages_) {
    page.width_px = profile_.padded_width_px();
    page.height_px = all_equal ? profile_.page_height_max_px : profile_.PageHeight(page.num_rows);
  }
}

void Paginator::SizeCroppedPages() {
  const int pitch = static_cast<int>(std::lround(profile_.line_pitch_px));
  const int room = pitch + profile_.crop_margin_px;
  for (PageLayout& page : pages_) {
    int right = 0;
    for (const PlacedLine& line : page.lines) right = std::max(right, line.x + line.width);
    const int width = std::min(right + room, profile_.page_width_px);
    const int multiple = profile_.width_multiple_px();
    page.width_px = (width + multiple - 1) / multiple * multiple;
    page.height_px = profile_.page_height_max_px;
  }
  if (pages_.empty()) return;
  PageLayout& last = pages_.back();
  last.height_px = std::min(last.height_px, profile_.LineTop(last.num_rows) + room);
}

void Paginator::AdvanceRow() {
  if (++row_ == lines_per_page_) ClosePage();
}

void Paginator::ClosePage() {
  if (page_.num_rows > 0) {
    pages_.push_back(std::exchange(page_, {}));
  } else {
    ++num_blank_pages_;
  }
  row_ = 0;
}

void Paginator::CountDroppedLines() {
  num_blank_pages_ += static_cast<uint32_t>(dropped_lines_ / lines_per_page_);
  dropped_lines_ = 0;
}

}  // namespace glyph::render
