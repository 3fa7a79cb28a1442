#pragma once
#include <atomic>
#include <optional>
#include <string>

#include "render_service/images/image_decoder.h"
#include "render_service/pipeline/render_task.h"

namespace glyph::render {

// Decodes one uploaded image to one RGB page, in one long step that Cancel cuts short.
class ImageTask : public RenderTask {
 public:
  // `plan_only`: the summary follows the plan.
  explicit ImageTask(std::string file, bool plan_only = false);

  // Errors as DecodeImage.
  absl::StatusOr<RenderEvent> Step(WorkerTools& tools) override;
  void Cancel() override { is_cancelled_ = true; }

 private:
  RenderPlan MakePlan() const;
  RenderedPage MakePage();

  std::atomic<bool> is_cancelled_ = false;
  std::string file_;  // until decoded
  std::optional<DecodedImage> image_;
  bool sends_page_;  // has not been sent, but will be
  uint32_t num_pages_ = 0;
};

// Image tokens of an upload as GLM's preprocessor counts them before it scales large images down:
// an upper bound for images of any size (sides rounded to 28 px, small images scaled up).
uint64_t MaxVisualTokens(int width_px, int height_px);

}  // namespace glyph::render
