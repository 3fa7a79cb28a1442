#include "render_service/pipeline/image_task.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {
namespace {

// Hugging Face's smart_resize scales an image up to at least 112x112 px for two frames, which is 8
// tokens, or 16 when both sides are rounded up.
constexpr uint64_t kLeastBound = 16;

// Pixels with the same bytes but another shape must not share a key.
base::Sha256Digest UploadKey(const DecodedImage& image) {
  return base::Sha256()
      .Update(absl::StrCat("upload rgb8 ", image.width_px, "x", image.height_px, "\n"))
      .Update(image.rgb)
      .Finish();
}

}  // namespace

uint64_t MaxVisualTokens(int width_px, int height_px) {
  const int64_t shortest = std::min(width_px, height_px);
  const auto cells = [&](int64_t side) -> uint64_t {
    const int64_t scaled = shortest < kGridPx ? side * kGridPx / shortest : side;
    return static_cast<uint64_t>((scaled + kGridPx / 2) / kGridPx);
  };
  return std::max(cells(width_px) * cells(height_px), kLeastBound);
}

ImageTask::ImageTask(std::string file, bool plan_only)
    : file_(std::move(file)), sends_page_(!plan_only) {}

absl::StatusOr<RenderEvent> ImageTask::Step(WorkerTools& /*tools*/) {
  if (!image_) {
    GLYPH_ASSIGN_OR_RETURN(image_, DecodeImage(file_, is_cancelled_));
    file_ = {};
    return RenderEvent(MakePlan());
  }
  if (std::exchange(sends_page_, false)) {
    ++num_pages_;
    return RenderEvent(MakePage());
  }
  RenderSummary summary;
  summary.pages = num_pages_;
  return RenderEvent(summary);
}

RenderPlan ImageTask::MakePlan() const {
  return {.max_pages = 1,
          .max_visual_tokens = MaxVisualTokens(image_->width_px, image_->height_px),
          .characters = 0,
          .profile_fingerprint = std::nullopt};
}

RenderedPage ImageTask::MakePage() {
  return {.index = 0,
          .key = UploadKey(*image_),
          .profile_fingerprint = std::nullopt,
          .width_px = image_->width_px,
          .height_px = image_->height_px,
          .channels = 3,
          .pixels = std::move(image_->rgb),
          .lines = {}};
}

}  // namespace glyph::render
