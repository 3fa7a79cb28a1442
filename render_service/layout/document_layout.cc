#include "render_service/layout/document_layout.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/layout/line_breaker.h"
#include "render_service/layout/plain_line.h"
#include "render_service/text/direction.h"
#include "render_service/text/han.h"

namespace glyph::render {
namespace {

// Hard lines that upstream makes one paragraph of.
constexpr int kLinesInGroup = 30;

Shaper& ShaperOf(TextShaper& shaper, LearnedFont* learned) {
  if (learned != nullptr) return learned->units;
  return shaper;
}

UpstreamAdvances AdvancesOf(TextShaper& shaper) {
  DisplayText text;
  ShapedText shaped;
  FillDisplayText(" ", 0, 1, 1, Joiners::kBoxes, text);
  shaper.Shape(text, {}, shaped);
  return {.space = static_cast<uint32_t>(shaped.clusters.at(0).advance),
          .missing = static_cast<uint32_t>(shaper.missing_advance())};
}

}  // namespace

DocumentLayout::DocumentLayout(const SourceText& source, const RenderProfile& profile,
                               LayoutOptions options)
    : source_(source),
      profile_(profile),
      options_(options),
      has_han_(profile_.wrap == WrapMode::kUpstream && HasHan(source.bytes())),
      paginator_(profile_, options.num_pages),
      hard_line_{source.content_begin(), source.content_begin(), source.content_begin()},
      position_(source.content_begin()) {
  line_.has_clusters = options_.has_clusters && options_.num_pages > 0;
  if (profile_.styles) styler_.emplace(source_, profile_, line_.has_clusters);
}

absl::StatusOr<bool> DocumentLayout::Advance(TextShaper& shaper, LearnedFont* learned,
                                             size_t num_characters) {
  Shaper& words = ShaperOf(shaper, learned);
  size_t done = 0;
  while (done < num_characters) {
    if (position_ < hard_line_.end) {
      done += LayOutWindow(shaper, learned);
    } else if (NextHardLine(words)) {
      ++done;
    } else {
      paginator_.Finish();
      return true;
    }
    if (paginator_.num_pages() > options_.max_pages) {
      return rpc::InvalidArgument(
          "TOO_MANY_PAGES", "document.text",
          absl::StrCat("document.text needs more than the limit of ", options_.max_pages,
                       " pages; raise render.max_pages (at most 256) or split the document"));
    }
  }
  return false;
}

bool DocumentLayout::NextHardLine(Shaper& shaper) {
  if (styler_) {
    if (!styler_->Next(shaper, oddities_)) return false;
    hard_line_ = styler_->line().hard;
    position_ = styler_->begin();
    line_.left_px = styler_->left_px();
    paragraph_ = styler_->paragraph();
    marker_ = styler_->marker();
    for (int i = 0; i < styler_->blank_rows_before(); ++i) paginator_.AddBlankLine();
  } else {
    if (hard_line_.next == source_.bytes().size()) return false;
    hard_line_ = ReadHardLine(source_.bytes(), hard_line_.next);
    if (profile_.newline_mark) JoinHardLines();
    position_ = hard_line_.begin;
    paragraph_.is_rtl = profile_.auto_direction && BeginsRightToLeft(source_.bytes().substr(
                                                       position_, hard_line_.end - position_));
  }
  if (profile_.wrap == WrapMode::kUpstream) {
    BeginUpstreamLine();
  } else if (position_ == hard_line_.end) {
    BuildVisualLine(display_, shaped_, {}, line_, oddities_);
    AddLine();
  }
  return true;
}

size_t DocumentLayout::LayOutWindow(TextShaper& shaper, LearnedFont* learned) {
  if (profile_.wrap == WrapMode::kUpstream) return LayOutUpstream(shaper, learned);
  const bool has_grid = styler_ && styler_->has_grid();
  const bool has_heading_face = paragraph_.is_heading && profile_.font.heading;
  // Plain characters among those from right to left have places of their own.
  if (learned != nullptr && !has_grid && !has_heading_face && !paragraph_.is_rtl &&
      plain_.Fill(source_.bytes(), position_, hard_line_.end, kWindowCharacters, learned->glyphs)) {
    return LayOutPlain(learned->glyphs.break_rules());
  }
  return LayOutShaped(ShaperOf(shaper, learned));
}

size_t DocumentLayout::LayOutShaped(Shaper& shaper) {
  const size_t window_end = FillDisplayText(source_.bytes(), position_, hard_line_.end,
                                            kWindowCharacters, profile_.joiners, display_);
  shaper.Shape(display_, paragraph_, shaped_);
  if (styler_) styler_->ApplyGrid(position_, window_end, display_, shaped_);
  const std::span<const ShapedCluster> clusters = shaped_.clusters;
  const bool paragraph_ends = window_end == hard_line_.end;
  position_ = window_end;
  for (size_t begin = 0; begin < clusters.size();) {
    // A window without any line end, of zero-width or hanging characters, is taken as a line.
    const auto span =
        BreakLine(clusters, begin, LineWidth(), profile_.wrap, paragraph_ends || begin == 0);
    if (!span) {
      position_ = display_.characters[clusters[begin].first_character].source_begin;
      break;
    }
    BuildVisualLine(display_, shaped_, *span, line_, oddities_);
    AddLine();
    begin = span->next;
  }
  return display_.characters.size();
}

size_t DocumentLayout::LayOutPlain(const BreakRules& rules) {
  const bool paragraph_ends = plain_.source(plain_.size()) == hard_line_.end;
  position_ = plain_.source(plain_.size());
  for (size_t begin = 0; begin < plain_.size();) {
    const auto span = BreakPlainLine(plain_, rules, begin, LineWidth(), profile_.wrap,
                                     paragraph_ends || begin == 0);
    if (!span) {
      position_ = plain_.source(begin);
      break;
    }
    AddPlainLine(*span);
    begin = span->next;
  }
  return plain_.size();
}

void DocumentLayout::AddPlainLine(const LineSpan& span) {
  MeasurePlainLine(plain_, span, line_);
  if (options_.num_pages > 0) PlacePlainGlyphs(plain_, span, line_);
  AddLine();
}

void DocumentLayout::JoinHardLines() {
  const std::string_view source = source_.bytes();
  HardLine& line = hard_line_;
  int num_lines = 1;
  for (; num_lines < kLinesInGroup && line.next < source.size(); ++num_lines) {
    const HardLine last = ReadHardLine(source, line.next);
    line.end = last.end;
    line.next = last.next;
  }
  // The line end of the text is shown too.
  if (num_lines < kLinesInGroup) line.end = line.next;
}

bool DocumentLayout::IsLastOfGroup() const {
  return profile_.newline_mark || hard_lines_in_group_ == kLinesInGroup ||
         hard_line_.next == source_.bytes().size();
}

void DocumentLayout::BeginUpstreamLine() {
  has_rows_ = false;
  if (profile_.newline_mark || hard_lines_in_group_ == kLinesInGroup) hard_lines_in_group_ = 0;
  if (++hard_lines_in_group_ == 1) paginator_.BeginGroup();
  const bool is_blank = position_ == hard_line_.end;
  if (is_blank && IsLastOfGroup()) return;
  // A line end that meets the end of a page is carried over, where upstream breaks at spaces.
  const bool carries_over = hard_lines_in_group_ > 1 && paginator_.is_at_head() && !has_han_;
  if (carries_over) paginator_.AddBlankLine();
  if (is_blank) paginator_.AddBlankLine();
}

bool DocumentLayout::FillUpstream(TextShaper& shaper, LearnedFont* learned) {
  if (!advances_) {
    advances_ = AdvancesOf(shaper);
    advances_->marks_stand_apart = has_han_;
  }
  const std::string_view source = source_.bytes();
  if (learned != nullptr &&
      plain_.Fill(source, position_, hard_line_.end, kWindowCharacters, learned->glyphs)) {
    upstream_.Fill(source, plain_, *advances_);
    position_ = plain_.source(plain_.size());
    return true;
  }
  position_ = FillDisplayText(source, position_, hard_line_.end, kWindowCharacters, Joiners::kBoxes,
                              display_);
  ShaperOf(shaper, learned).Shape(display_, {}, shaped_);
  upstream_.Fill(source, display_, shaped_, *advances_);
  return false;
}

size_t DocumentLayout::LayOutUpstream(TextShaper& shaper, LearnedFont* learned) {
  const bool is_plain = FillUpstream(shaper, learned);
  const bool paragraph_ends = position_ == hard_line_.end;
  const double width = LineWidth() * shaper.units_per_px();
  const auto break_line = has_han_ ? BreakBetweenCharacters : BreakAtSpaces;
  const size_t first = std::exchange(part_, 0);
  for (size_t begin = first; begin < upstream_.size();) {
    const auto line = break_line(upstream_, begin, width, paragraph_ends || begin == first);
    if (!line) {
      position_ = upstream_.OffsetOf(begin);
      part_ = upstream_.PartOf(begin);
      break;
    }
    AddUpstreamLine(is_plain, *line, shaper);
    begin = line->span.next;
  }
  if (position_ == hard_line_.end && !has_rows_ && !IsLastOfGroup()) paginator_.AddBlankLine();
  return upstream_.size();
}

void DocumentLayout::AddUpstreamLine(bool is_plain, const UpstreamLine& line,
                                     const TextShaper& shaper) {
  if (line.span.begin == line.span.end) return;
  const double units_per_px = shaper.units_per_px();
  if (is_plain) {
    MeasureUpstreamLine(plain_, upstream_, line.span, units_per_px, line_);
    if (options_.num_pages > 0) PlaceUpstreamGlyphs(plain_, upstream_, line, units_per_px, line_);
  } else {
    BuildUpstreamLine(display_, shaped_, upstream_, line, units_per_px, line_, oddities_);
  }
  has_rows_ = true;
  AddLine();
}

void DocumentLayout::AddLine() {
  const int left_px = line_.left_px;
  if (paragraph_.is_rtl) line_.left_px = std::max(0, LineWidth() - line_.width_px);
  if (marker_ != nullptr) PrependMarker(*std::exchange(marker_, nullptr), line_);
  if (line_.is_blank) {
    paginator_.AddBlankLine();
  } else {
    paginator_.AddLine(line_);
  }
  line_.left_px = left_px;
}

}  // namespace glyph::render
