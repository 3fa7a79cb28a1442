#pragma once
#include "ATen/core/Tensor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Turns a page's bytes into the patches the vision encoder reads, bit-equal to Hugging Face's
// Glm4vImageProcessor (its default, torchvision): resizing on bytes, then one table of 256 values a
// channel for rescaling and normalising. Immutable, thread-safe.
class ImagePreprocessor {
 public:
  // Patches are of `type`.
  ImagePreprocessor(const ModelConfig& config, at::ScalarType type);

  // [num_patches, 3 * temporal_patch * patch_px * patch_px], cell by cell. An uploaded page is
  // resized to the grid, antialiased bicubic; a rendered page has the grid's size already
  // (CHECK-fails else). A gray page is the RGB page with three equal channels. Taken from `memory`.
  at::Tensor Patches(const PageImage& image, const PageGrid& grid, ActivationArena& memory) const;

 private:
  // [1, channels, height, width]
  at::Tensor Resized(const PageImage& image, int64_t height, int64_t width) const;
  // Writes the patches of one cell, its first pixel at (y, x) of `bytes`.
  template <typename T>
  void FillCell(const at::Tensor& bytes, int64_t y, int64_t x, T* patches) const;

  const PageLimits limits_;
  const at::Tensor values_;  // [3, 256] of the model's type: what each byte becomes
};

}  // namespace glyph::vlm
