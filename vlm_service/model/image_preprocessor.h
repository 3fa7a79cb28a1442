#pragma once
#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/ops/ops.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Turns a page's bytes into the patches the vision encoder reads, bit-equal to Hugging Face's
// Glm4vImageProcessor (its default, torchvision): one table of 256 values a channel for rescaling
// and normalising. Immutable, thread-safe.
class ImagePreprocessor {
 public:
  // Patches are of `type`. `ops` must outlive this.
  ImagePreprocessor(const ModelConfig& config, at::ScalarType type, Ops& ops);

  // [num_patches, 3 * temporal_patch * patch_px * patch_px], cell by cell. An uploaded page that
  // was not fitted (page_fitting.h) is resized here; a rendered page has the grid's size already
  // (CHECK-fails else). A gray page is the RGB page with three equal channels. Taken from `memory`.
  at::Tensor Patches(const PageImage& image, const PageGrid& grid, ActivationArena& memory) const;

 private:
  Ops& ops_;
  const ops::PatchLayout layout_;
};

}  // namespace glyph::vlm
