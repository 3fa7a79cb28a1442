#include "render_service/pipeline/text_task.h"

#include <utility>

#include "proto/rpc/error.h"
#include "render_service/layout/page_key.h"
#include "render_service/pipeline/image_task.h"
#include "render_service/raster/page_blitter.h"
#include "render_service/raster/page_crop.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// Characters laid out in one step: about 15 ms.
constexpr size_t kCharactersPerStep = 65536;

}  // namespace

TextTask::TextTask(std::string bytes, TextTaskOptions options)
    : bytes_(std::move(bytes)), options_(std::move(options)) {}

absl::StatusOr<RenderEvent> TextTask::Step(WorkerTools& tools) {
  if (!source_) {
    GLYPH_RETURN_IF_ERROR(Validate());
    return RenderEvent();
  }
  GLYPH_ASSIGN_OR_RETURN(FontTools * font,
                         tools.ToolsFor(*options_.profile, layout_->uses_han_font()));
  if (!is_planned_) {
    const bool is_fast = options_.path == DrawingPath::kFast && font->glyphs.has_value();
    GLYPH_ASSIGN_OR_RETURN(
        is_planned_,
        layout_->Advance(*font->shaper, is_fast ? &*font->glyphs : nullptr, kCharactersPerStep));
    return is_planned_ ? RenderEvent(MakePlan()) : RenderEvent();
  }
  if (next_page_ < layout_->pages().size()) return DrawNextPage(*font);
  return RenderEvent(Summarize());
}

absl::Status TextTask::Validate() {
  GLYPH_ASSIGN_OR_RETURN(source_, SourceText::Create(std::move(bytes_), options_.lenient_utf8));
  layout_.emplace(*source_, options_.profile->profile, options_.max_pages);
  return absl::OkStatus();
}

RenderPlan TextTask::MakePlan() {
  RenderPlan plan{.max_pages = static_cast<uint32_t>(layout_->pages().size()),
                  .max_visual_tokens = 0,
                  .characters = source_->num_characters(),
                  .profile_fingerprint = options_.profile->fingerprint};
  for (const PageLayout& page : layout_->pages()) {
    plan.max_visual_tokens +=
        is_on_grid() ? static_cast<uint64_t>(page.width_px / kGridPx) * (page.height_px / kGridPx)
                     : MaxVisualTokens(page.width_px, page.height_px);
  }
  return plan;
}

absl::StatusOr<RenderEvent> TextTask::DrawNextPage(FontTools& tools) {
  PageLayout layout = std::exchange(layout_->pages()[next_page_], {});
  GLYPH_ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, options_.path == DrawingPath::kFast
                                                          ? BlitPage(layout, tools.masks)
                                                          : PaintPage(layout, *tools.shaper));
  GrayImage image = {layout.width_px, layout.height_px, std::move(pixels)};
  CropPage(options_.profile->profile, next_page_ + 1 == layout_->pages().size(), image);
  return RenderEvent(RenderedPage{.index = next_page_++,
                                  .key = PageKey(options_.profile->fingerprint, layout),
                                  .profile_fingerprint = options_.profile->fingerprint,
                                  .is_on_grid = is_on_grid(),
                                  .width_px = image.width_px,
                                  .height_px = image.height_px,
                                  .channels = 1,
                                  .pixels = std::move(image.pixels),
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
