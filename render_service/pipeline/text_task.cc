#include "render_service/pipeline/text_task.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proto/rpc/error.h"
#include "render_service/layout/page_key.h"
#include "render_service/pipeline/image_task.h"
#include "render_service/raster/page_blitter.h"
#include "render_service/raster/page_crop.h"
#include "render_service/raster/page_ink.h"
#include "render_service/raster/page_painter.h"

namespace glyph::render {
namespace {

// How long a step lays out, besides its last window of characters.
constexpr std::chrono::milliseconds kStepTime{1};
// Glyphs, boxes, lines and clusters of a document that is cropped and not laid out twice, as its
// pages are kept until they are drawn; about 1 MiB.
constexpr size_t kMaxKept = 1 << 16;
// How much a step checks: milliseconds where no byte is valid.
constexpr size_t kStepBytes = 256 << 10;

bool IsOnGrid(const RenderProfile& profile) { return profile.to_grid == ToGrid::kPad; }

bool IsCropped(const RenderProfile& profile) {
  return profile.crop_margin_px > 0 || profile.crop_last_page;
}

uint64_t TokensOf(const RenderProfile& profile, const PageSize& page) {
  if (!IsOnGrid(profile)) return MaxVisualTokens(page.width_px, page.height_px);
  return static_cast<uint64_t>(page.width_px / kGridPx) *
         static_cast<uint64_t>(page.height_px / kGridPx);
}

// Most image tokens of a page that is cropped to one of two sizes or one in between.
// The model makes more of a side below the grid the smaller it is, so all corners are looked at.
uint64_t MaxTokens(const RenderProfile& profile, const PageSize& least, const PageSize& most) {
  return std::max({TokensOf(profile, least), TokensOf(profile, most),
                   TokensOf(profile, {least.width_px, most.height_px}),
                   TokensOf(profile, {most.width_px, least.height_px})});
}

}  // namespace

TextTask::TextTask(std::string bytes, TextTaskOptions options)
    : options_(std::move(options)), check_(std::move(bytes), options_.lenient_utf8) {}

absl::StatusOr<RenderEvent> TextTask::Step(WorkerTools& tools) {
  if (!source_) {
    GLYPH_RETURN_IF_ERROR(Check());
    return RenderEvent();
  }
  GLYPH_ASSIGN_OR_RETURN(FontTools * font,
                         tools.ToolsFor(*options_.profile, layout_->uses_han_font()));
  if (num_pages_ && !layout_->pages().empty()) return DrawNextPage(*font);
  if (is_laid_out_) return RenderEvent(Summarize());
  return Advance(*font);
}

absl::Status TextTask::Check() {
  GLYPH_ASSIGN_OR_RETURN(const bool is_checked, check_.Advance(kStepBytes));
  if (!is_checked) return absl::OkStatus();
  source_ = std::move(check_).Take();
  layout_.emplace(*source_, options_.profile->profile,
                  LayoutOptions{.max_pages = options_.max_pages,
                                .num_pages = IsCropped(options_.profile->profile) ? 1u : 0u,
                                .has_clusters = options_.has_clusters});
  return absl::OkStatus();
}

absl::StatusOr<RenderEvent> TextTask::Advance(FontTools& tools) {
  const bool is_fast = options_.path == DrawingPath::kFast && tools.learned.has_value();
  LearnedFont* learned = is_fast ? &*tools.learned : nullptr;
  const auto end = std::chrono::steady_clock::now() + kStepTime;
  bool is_finished = false;
  do {
    GLYPH_ASSIGN_OR_RETURN(
        is_finished, layout_->Advance(*tools.shaper, learned, DocumentLayout::kWindowCharacters));
    if (num_pages_ && !layout_->pages().empty()) break;  // to be drawn at once
  } while (!is_finished && std::chrono::steady_clock::now() < end);
  if (!num_pages_ && IsCropped(options_.profile->profile)) MeasurePages(tools.masks);
  if (!is_finished) return RenderEvent();
  if (num_pages_) {
    is_laid_out_ = true;
    return RenderEvent();
  }
  const RenderPlan plan = MakePlan();
  num_pages_ = plan.max_pages;
  if (plan.max_pages == 0 || options_.plan_only) {
    is_laid_out_ = true;
    layout_->pages().clear();
  } else {
    BeginPages();
  }
  return RenderEvent(plan);
}

void TextTask::BeginPages() {
  const RenderProfile& profile = options_.profile->profile;
  if (!has_kept_pages_) {
    layout_.emplace(*source_, profile,
                    LayoutOptions{.max_pages = *num_pages_,
                                  .num_pages = *num_pages_,
                                  .has_clusters = options_.has_clusters});
    return;
  }
  is_laid_out_ = true;
  std::vector<PageLayout>& pages = layout_->pages();
  for (size_t i = 0; i < pages.size(); ++i) {
    pages[i].height_px = profile.PageHeight(pages[i].num_rows, i, pages.size());
  }
}

RenderPlan TextTask::MakePlan() {
  const RenderProfile& profile = options_.profile->profile;
  const std::vector<PageLayout>& pages = layout_->pages();
  RenderPlan plan{.max_pages = static_cast<uint32_t>(pages.size()),
                  .max_visual_tokens = 0,
                  .characters = source_->num_characters(),
                  .profile_fingerprint = options_.profile->fingerprint,
                  .is_exact = IsOnGrid(profile)};
  for (size_t i = 0; i < pages.size(); ++i) {
    const PageSize whole = {pages[i].width_px,
                            profile.PageHeight(pages[i].num_rows, i, pages.size())};
    if (!IsCropped(profile)) {
      plan.max_visual_tokens += TokensOf(profile, whole);
      continue;
    }
    const bool is_last = i + 1 == pages.size();
    plan.max_visual_tokens +=
        MaxTokens(profile, CroppedSize(profile, is_last, whole, inks_[i].least),
                  CroppedSize(profile, is_last, whole, inks_[i].most));
  }
  return plan;
}

void TextTask::MeasurePages(GlyphMasks& masks) {
  std::vector<PageLayout>& pages = layout_->pages();
  const uint8_t least_ink = LeastInk(options_.profile->profile);
  const size_t num_measured = inks_.size();
  while (inks_.size() < pages.size()) {
    const PageLayout& page = pages[inks_.size()];
    // Glyphs that overlap make more ink than each of them, but not where none of them is.
    const auto least = MeasureInk(page, least_ink, masks);
    const auto most = least_ink == 1 ? least : MeasureInk(page, 1, masks);
    inks_.push_back({least.value_or(PageInk()), most.value_or(PageInk{kMaxSidePx, kMaxSidePx})});
    num_placed_ +=
        page.glyphs.size() + page.boxes.size() + page.lines.size() + page.clusters.size();
  }
  const size_t first_kept = has_kept_pages_ ? 0 : num_measured;
  has_kept_pages_ = num_placed_ <= kMaxKept;
  if (has_kept_pages_) return;
  for (size_t i = first_kept; i < pages.size(); ++i) {
    pages[i].glyphs = {};
    pages[i].boxes = {};
    pages[i].lines = {};
    pages[i].clusters = {};
  }
}

absl::StatusOr<RenderEvent> TextTask::DrawNextPage(FontTools& tools) {
  PageLayout layout = std::move(layout_->pages().front());
  layout_->pages().erase(layout_->pages().begin());
  const RenderProfile& profile = options_.profile->profile;
  const bool is_last = next_page_ + 1 == *num_pages_;
  if (profile.crop_last_page && is_last) {
    layout.height_px =
        CroppedSize(profile, is_last, {layout.width_px, layout.height_px}, inks_.back().most)
            .height_px;
  }
  GLYPH_ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, options_.path == DrawingPath::kFast
                                                          ? BlitPage(layout, tools.masks)
                                                          : PaintPage(layout, *tools.shaper));
  GrayImage image = {layout.width_px, layout.height_px, std::move(pixels)};
  CropPage(profile, is_last, image);
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
          .is_empty = *num_pages_ == 0,
          .characters = source_->num_characters(),
          .replaced_bytes = source_->num_replaced_bytes(),
          .oddities = layout_->oddities(),
          .blank_pages = layout_->num_blank_pages()};
}

}  // namespace glyph::render
