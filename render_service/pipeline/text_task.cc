#include "render_service/pipeline/text_task.h"

#include <algorithm>
#include <utility>

#include "proto/rpc/error.h"
#include "render_service/layout/page_key.h"
#include "render_service/pipeline/image_task.h"
#include "render_service/raster/page_blitter.h"
#include "render_service/raster/page_crop.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// Characters laid out in one step: about 15 ms where they are shaped.
constexpr size_t kCharactersPerStep = 65536;
// When pages are filled: fewer, so that the first page does not wait for many others.
constexpr size_t kCharactersPlacedPerStep = 16384;

bool IsOnGrid(const RenderProfile& profile) { return profile.to_grid == ToGrid::kPad; }

// Image tokens of a page of that size before it is cropped: exact for pages on the grid, else a
// bound. Of a page with a side below the grid the model makes more tokens the smaller that side is,
// so the least sides that cropping may leave are looked at too.
uint64_t MaxTokens(const RenderProfile& profile, int width_px, int height_px) {
  if (IsOnGrid(profile)) {
    return static_cast<uint64_t>(width_px / kGridPx) * static_cast<uint64_t>(height_px / kGridPx);
  }
  const uint64_t uncropped = MaxVisualTokens(width_px, height_px);
  if (profile.crop_margin_px == 0) return uncropped;
  const int least_px = std::min({profile.crop_margin_px, width_px, height_px});
  return std::max(
      {uncropped, MaxVisualTokens(least_px, height_px), MaxVisualTokens(width_px, least_px)});
}

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
  if (num_pages_ && !layout_->pages().empty()) return DrawNextPage(*font);
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
                       num_pages_ ? kCharactersPlacedPerStep : kCharactersPerStep));
  if (!is_finished) return RenderEvent();
  if (num_pages_) {
    is_laid_out_ = true;
    return RenderEvent();
  }
  const RenderPlan plan = MakePlan();
  num_pages_ = plan.max_pages;
  is_laid_out_ = plan.max_pages == 0;
  if (plan.max_pages > 0) {
    layout_.emplace(*source_, options_.profile->profile,
                    LayoutOptions{.max_pages = plan.max_pages,
                                  .num_pages = plan.max_pages,
                                  .has_clusters = options_.has_clusters});
  }
  return RenderEvent(plan);
}

RenderPlan TextTask::MakePlan() {
  const RenderProfile& profile = options_.profile->profile;
  const std::vector<PageLayout>& pages = layout_->pages();
  RenderPlan plan{.max_pages = static_cast<uint32_t>(pages.size()),
                  .max_visual_tokens = 0,
                  .characters = source_->num_characters(),
                  .profile_fingerprint = options_.profile->fingerprint};
  for (size_t i = 0; i < pages.size(); ++i) {
    plan.max_visual_tokens += MaxTokens(profile, pages[i].width_px,
                                        profile.PageHeight(pages[i].num_rows, i, pages.size()));
  }
  return plan;
}

absl::StatusOr<RenderEvent> TextTask::DrawNextPage(FontTools& tools) {
  PageLayout layout = std::move(layout_->pages().front());
  layout_->pages().erase(layout_->pages().begin());
  GLYPH_ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, options_.path == DrawingPath::kFast
                                                          ? BlitPage(layout, tools.masks)
                                                          : PaintPage(layout, *tools.shaper));
  GrayImage image = {layout.width_px, layout.height_px, std::move(pixels)};
  const RenderProfile& profile = options_.profile->profile;
  CropPage(profile, next_page_ + 1 == *num_pages_, image);
  // Pages of one layout may be cropped differently, and then differ by their keys.
  layout.width_px = image.width_px;
  layout.height_px = image.height_px;
  return RenderEvent(RenderedPage{.index = next_page_++,
                                  .key = PageKey(options_.profile->fingerprint, layout),
                                  .profile_fingerprint = options_.profile->fingerprint,
                                  .is_on_grid = IsOnGrid(profile),
                                  .width_px = image.width_px,
                                  .height_px = image.height_px,
                                  .channels = 1,
                                  .pixels = std::move(image.pixels),
                                  .lines = std::move(layout.lines),
                                  .clusters = std::move(layout.clusters)});
}

RenderSummary TextTask::Summarize() const {
  return {.pages = next_page_,
          .characters = source_->num_characters(),
          .replaced_bytes = source_->num_replaced_bytes(),
          .oddities = layout_->oddities(),
          .blank_pages = layout_->num_blank_pages()};
}

}  // namespace glyph::render
