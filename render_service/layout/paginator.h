#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "render_service/layout/page_layout.h"
#include "render_service/layout/render_profile.h"
#include "render_service/layout/visual_line.h"

namespace glyph::render {

// Puts visual lines on pages. Blank lines at the edges of a page are dropped, so its first and last
// line leave ink and no page is blank; under WrapMode::kUpstream they keep their rows at its head.
// Not thread-safe.
class Paginator {
 public:
  // The document's number of pages decides their heights; 0: not known yet, so rows are only
  // counted, and pages get neither lines nor heights.
  Paginator(const RenderProfile& profile, size_t num_pages);

  // A paragraph of upstream's begins (WrapMode::kUpstream): its first line does not stand alone at
  // the foot of a page.
  void BeginGroup();

  // Places `line` below the lines before it.
  void AddLine(const VisualLine& line);
  void AddBlankLine();

  // Ends the document and its last page.
  void Finish();

  // Pages finished so far and the one being filled.
  size_t num_pages() const { return num_finished_ + (page_.num_rows > 0 ? 1 : 0); }
  // The next line goes to the first row of a page.
  bool is_at_head() const { return row_ == 0; }
  // Full pages' worth of blank lines that were dropped.
  uint32_t num_blank_pages() const { return num_blank_pages_; }
  // Finished pages, the caller's to take away.
  std::vector<PageLayout>& pages() { return pages_; }

 private:
  // Before a line is added: whether it has been put off, and what becomes of the one put off
  // before.
  bool PutOff(const VisualLine& line);
  // Gives `line` the next row of page_.
  void TakeRow(const VisualLine& line);
  // Puts what is drawn of `line` there.
  void PlaceLine(const VisualLine& line);
  void AdvanceRow();
  void ClosePage();
  void CountDroppedLines();

  const RenderProfile profile_;
  const size_t num_document_pages_;
  const int lines_per_page_;
  std::vector<PageLayout> pages_;
  PageLayout page_;   // being filled; num_rows ends at its last line with ink
  int right_px_ = 0;  // of page_, where its longest line ends
  size_t num_finished_ = 0;
  int row_ = 0;                        // of page_, where the next line goes
  int64_t dropped_lines_ = 0;          // blank lines before the first line of page_
  bool begins_at_foot_ = false;        // the next line is a group's first, on a page's last row
  std::optional<VisualLine> put_off_;  // that line; its page depends on whether another follows
  uint32_t num_blank_pages_ = 0;
};

}  // namespace glyph::render
