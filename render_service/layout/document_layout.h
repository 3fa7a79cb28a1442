#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "render_service/fonts/learned_font.h"
#include "render_service/fonts/text_shaper.h"
#include "render_service/layout/line_styler.h"
#include "render_service/layout/page_layout.h"
#include "render_service/layout/paginator.h"
#include "render_service/layout/plain_window.h"
#include "render_service/layout/render_profile.h"
#include "render_service/layout/upstream_line.h"
#include "render_service/text/hard_line.h"
#include "render_service/text/source_text.h"

namespace glyph::render {

struct LayoutOptions {
  uint32_t max_pages = 0;
  // Pages of the document, which decide their heights. 0: not known yet, so rows are only counted,
  // and pages have neither lines nor heights.
  uint32_t num_pages = 0;
  // Pages filled tell where every cluster lies.
  bool has_clusters = false;
};

// Lays a document out in slices, so that a long one shares its worker. Time is linear in the text:
// a hard line is shaped in windows of kWindowCharacters that begin at a visual line. A document is
// laid out twice: first rows are counted, which takes little memory and, where characters are
// plain, little time; then pages are filled while the ones before are drawn.
//   DocumentLayout layout(source, profile, {.max_pages = 256, .num_pages = 12});
//   for (bool is_finished = false; !is_finished;) {
//     GLYPH_ASSIGN_OR_RETURN(is_finished, layout.Advance(shaper, &learned, 65536));
//     for (const PageLayout& page : std::exchange(layout.pages(), {})) ...
//   }
// Not thread-safe; slices may run on different threads and shapers of the same font and style.
class DocumentLayout {
 public:
  // Display characters shaped at once. Longer than any line of visible text, short enough for the
  // CPU's caches.
  static constexpr size_t kWindowCharacters = 4096;

  // `source` outlives the layout.
  DocumentLayout(const SourceText& source, const RenderProfile& profile, LayoutOptions options);

  // Lays out about `num_characters` more and tells whether the document is finished. What is in
  // `learned`, of the font of `shaper`, is not shaped again; null: everything is.
  // INVALID_ARGUMENT (TOO_MANY_PAGES) as soon as it needs more than max_pages.
  absl::StatusOr<bool> Advance(TextShaper& shaper, LearnedFont* learned, size_t num_characters);

  // Pages finished, the caller's to take away.
  std::vector<PageLayout>& pages() { return paginator_.pages(); }
  // After the last slice.
  uint32_t num_blank_pages() const { return paginator_.num_blank_pages(); }
  const TextOddities& oddities() const { return oddities_; }

  // Whether the text is set in the profile's han_font. `shaper` has the font that is said here.
  bool uses_han_font() const { return profile_.han_font.has_value() && has_han_; }

 private:
  // Goes to the next hard line; false after the last.
  bool NextHardLine(Shaper& shaper);
  // Lays out the next window; returns its characters.
  size_t LayOutWindow(TextShaper& shaper, LearnedFont* learned);
  size_t LayOutShaped(Shaper& shaper);
  // After plain_ has become the next window.
  size_t LayOutPlain(const BreakRules& rules);
  void AddPlainLine(const LineSpan& span);
  size_t LayOutUpstream(TextShaper& shaper, LearnedFont* learned);
  // Fills upstream_ with the next window; returns whether it came from plain_, not from shaped_.
  bool FillUpstream(TextShaper& shaper, LearnedFont* learned);
  void AddUpstreamLine(bool is_plain, const UpstreamLine& line, const TextShaper& shaper);
  void BeginUpstreamLine();
  void JoinHardLines();        // those of a group, under newline_mark
  bool IsLastOfGroup() const;  // of lines that upstream makes one paragraph of
  void AddLine();
  int LineWidth() const { return profile_.text_width_px() - line_.left_px; }

  const SourceText& source_;
  const RenderProfile profile_;
  const LayoutOptions options_;
  const bool has_han_;
  Paginator paginator_;
  std::optional<LineStyler> styler_;  // if the profile has styles
  TextOddities oddities_;
  HardLine hard_line_;
  size_t position_ = 0;  // where the next window of hard_line_ begins
  size_t part_ = 0;  // clusters of its first character that were laid out (UpstreamWindow::PartOf)
  PlainWindow plain_;    // the window; members, so that their memory is reused
  DisplayText display_;  // the window where it is not plain
  ShapedText shaped_;
  VisualLine line_;
  const VisualLine* marker_ = nullptr;        // of the styler, until it is placed
  UpstreamWindow upstream_;                   // the window, under WrapMode::kUpstream
  std::optional<UpstreamAdvances> advances_;  // of the shapers
  int hard_lines_in_group_ = 0;               // up to hard_line_, which is one of them
  ParagraphStyle paragraph_;                  // of hard_line_
  bool has_rows_ = false;                     // hard_line_ has been given rows
};

}  // namespace glyph::render
