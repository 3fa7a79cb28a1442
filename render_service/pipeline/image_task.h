#pragma once
#include <optional>
#include <string>

#include "render_service/images/image_decoder.h"
#include "render_service/pipeline/render_task.h"

namespace glyph::render {

// Decodes one uploaded image to one RGB page.
class ImageTask : public RenderTask {
 public:
  explicit ImageTask(std::string file);

  // Errors as DecodeImage.
  absl::StatusOr<RenderEvent> Step(WorkerTools& tools) override;

 private:
  RenderPlan MakePlan() const;
  RenderedPage MakePage();

  std::string file_;  // until decoded
  std::optional<DecodedImage> image_;
  bool is_sent_ = false;
};

// Image tokens of an upload as GLM's preprocessor counts them before it scales large images down:
// an upper bound for images of any size (sides rounded up to 28 px, small images scaled up).
uint64_t MaxVisualTokens(int width_px, int height_px);

}  // namespace glyph::render
