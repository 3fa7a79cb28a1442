#include "render_service/pipeline/text_task.h"

#include <utility>

#include "proto/rpc/error.h"
#include "render_service/layout/page_key.h"
#include "render_service/raster/page_blitter.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// Characters laid out in one step: about 15 ms where they are shaped.
constexpr size_t kCharactersPerStep = 65536;
// When pages are filled: fewer, so that the first page does not wait for many others.
constexpr size_t kCharactersPlacedPerStep = 16384;

}  // namespace

TextTask::TextTask(std::string bytes, TextTaskOptions options)
    : bytes_(std::move(bytes)), options_(std::move(options)) {}

absl::StatusOr<RenderEvent> TextTask::Step(WorkerTools& tools) {
  if (!source_) {
    GLYPH_RETURN_IF_ERROR(Validate());
    return RenderEvent();
  }
  GLYPH_ASSIGN_OR_RETURN(FontTools * font, tools.ToolsFor(*options_.profile));
  if (is_planned_ && !layout_->pages().empty()) return DrawNextPage(*font);
  if (is_laid_out_) return RenderEvent(Summarize());
  return Advance(*font);
}

absl::Status TextTask::Validate() {
  GLYPH_ASSIGN_OR_RETURN(source_, SourceText::Create(std::move(bytes_), options_.lenient_utf8));
  layout_.emplace(*source_, options_.profile->profile,
                  LayoutOptions{.max_pages = options_.max_pages});
  return absl::OkStatus();
}

absl::StatusOr<RenderEvent> TextTask::Advance(FontTools& tools) {
  const bool is_fast = options_.path == DrawingPath::kFast && tools.glyphs.has_value();
  GLYPH_ASSIGN_OR_RETURN(
      const bool is_finished,
      layout_->Advance(*tools.shaper, is_fast ? &*tools.glyphs : nullptr,
                       is_planned_ ? kCharactersPlacedPerStep : kCharactersPerStep));
  if (!is_finished) return RenderEvent();
  if (is_planned_) {
    is_laid_out_ = true;
    return RenderEvent();
  }
  const RenderPlan plan = MakePlan();
  is_planned_ = true;
  is_laid_out_ = plan.max_pages == 0;
  if (plan.max_pages > 0) {
    layout_.emplace(*source_, options_.profile->profile,
                    LayoutOptions{.max_pages = plan.max_pages, .num_pages = plan.max_pages});
  }
  return RenderEvent(plan);
}

RenderPlan TextTask::MakePlan() {
  const RenderProfile& profile = options_.profile->profile;
  const size_t num_pages = layout_->pages().size();
  RenderPlan plan{.max_pages = static_cast<uint32_t>(num_pages),
                  .max_visual_tokens = 0,
                  .characters = source_->num_characters(),
                  .profile_fingerprint = options_.profile->fingerprint};
  for (const PageLayout& page : layout_->pages()) {
    plan.max_visual_tokens += static_cast<uint64_t>(page.width_px / kGridPx) *
                              (profile.PageHeight(page.num_rows, num_pages) / kGridPx);
  }
  return plan;
}

absl::StatusOr<RenderEvent> TextTask::DrawNextPage(FontTools& tools) {
  PageLayout layout = std::move(layout_->pages().front());
  layout_->pages().erase(layout_->pages().begin());
  GLYPH_ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, options_.path == DrawingPath::kFast
                                                          ? BlitPage(layout, tools.masks)
                                                          : PaintPage(layout, *tools.shaper));
  return RenderEvent(RenderedPage{.index = next_page_++,
                                  .key = PageKey(options_.profile->fingerprint, layout),
                                  .profile_fingerprint = options_.profile->fingerprint,
                                  .width_px = layout.width_px,
                                  .height_px = layout.height_px,
                                  .channels = 1,
                                  .pixels = std::move(pixels),
                                  .lines = std::move(layout.lines)});
}

RenderSummary TextTask::Summarize() const {
  return {.pages = next_page_,
          .characters = source_->num_characters(),
          .replaced_bytes = source_->num_replaced_bytes(),
          .oddities = layout_->oddities(),
          .blank_pages = layout_->num_blank_pages()};
}

}  // namespace glyph::render
