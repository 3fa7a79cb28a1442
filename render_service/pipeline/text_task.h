#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/pipeline/render_task.h"
#include "render_service/raster/page_ink.h"
#include "render_service/text/source_text.h"

namespace glyph::render {

// How pages come about. Both ways give the same bytes.
enum class DrawingPath {
  kFast,       // by what has been learned of each glyph, where that is enough
  kReference,  // by Pango and Cairo alone, for comparison
};

struct TextTaskOptions {
  std::shared_ptr<const ResolvedProfile> profile;
  bool lenient_utf8 = false;
  uint32_t max_pages = 0;     // 1 to 256
  bool plan_only = false;     // draws nothing: the summary follows the plan
  bool has_clusters = false;  // of the pages
  DrawingPath path = DrawingPath::kFast;
};

// Draws a text: counts its rows, which makes the plan exact, then lays out and draws page by page,
// so that the memory a document takes does not grow with it.
class TextTask : public RenderTask {
 public:
  TextTask(std::string bytes, TextTaskOptions options);

  // Errors as SourceText::Create, DocumentLayout::Advance and PaintPage.
  absl::StatusOr<RenderEvent> Step(WorkerTools& tools) override;

 private:
  // One piece of the text; begins the layout after the last.
  absl::Status Check();
  // One slice of layout; brings the plan when it ends the count.
  absl::StatusOr<RenderEvent> Advance(FontTools& tools);
  RenderPlan MakePlan();
  // Lays out again what has been counted, unless the count kept its pages.
  void BeginPages();
  // Notes the ink of the pages counted last, and drops what is on them unless they are few.
  void MeasurePages(GlyphMasks& masks);
  absl::StatusOr<RenderEvent> DrawNextPage(FontTools& tools);
  RenderSummary Summarize() const;

  const TextTaskOptions options_;
  SourceCheck check_;
  std::optional<SourceText> source_;  // once it is checked
  std::optional<DocumentLayout> layout_;
  std::optional<uint32_t> num_pages_;  // once they are counted
  struct InkBounds {
    PageInk least;
    PageInk most;
  };
  std::vector<InkBounds> inks_;  // of all pages, where they are cropped
  size_t num_placed_ = 0;        // glyphs and the like on the pages whose ink is noted
  bool has_kept_pages_ = false;  // all counted pages have them
  bool is_laid_out_ = false;
  uint32_t next_page_ = 0;
};

}  // namespace glyph::render
