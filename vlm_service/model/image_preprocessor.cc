#include "vlm_service/model/image_preprocessor.h"

#include <algorithm>
#include <vector>

#include "ATen/ops/_upsample_bicubic2d_aa.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/tensor.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm {
namespace {

// (byte - mean / rescale_factor) / (std / rescale_factor) in float32, the fused form of
// TorchvisionBackend.rescale_and_normalize.
at::Tensor NormalisedBytes(const PixelNormalisation& pixels, at::ScalarType type) {
  const double scale = 1.0 / pixels.rescale_factor;
  const auto channel = [&](const std::array<double, 3>& values) {
    const std::vector<double> list(values.begin(), values.end());
    return at::tensor(list, at::kDouble).to(at::kFloat).mul(scale).unsqueeze(1);
  };
  return at::arange(256, at::kFloat)
      .unsqueeze(0)
      .sub(channel(pixels.mean))
      .div(channel(pixels.std))
      .to(type)
      .contiguous();
}

}  // namespace

ImagePreprocessor::ImagePreprocessor(const ModelConfig& config, at::ScalarType type)
    : limits_(config.pages), values_(NormalisedBytes(config.pixels, type)) {}

at::Tensor ImagePreprocessor::Resized(const PageImage& image, int64_t height, int64_t width) const {
  // Nothing writes to it; from_blob has no const form.
  at::Tensor pixels = at::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                    {1, image.height, image.width, image.channels}, at::kByte)
                          .permute({0, 3, 1, 2})
                          .contiguous();
  if (image.height == height && image.width == width) return pixels;
  TORCH_CHECK(image.origin == PageOrigin::kUploaded, "a rendered page differs from its grid");
  return at::_upsample_bicubic2d_aa(pixels, {height, width}, /*align_corners=*/false).contiguous();
}

template <typename T>
void ImagePreprocessor::FillCell(const at::Tensor& bytes, int64_t y, int64_t x, T* patches) const {
  const int64_t patch = limits_.patch_px;
  const int64_t width = bytes.size(3);
  const int64_t frame = patch * patch;
  const auto* pixels = bytes.const_data_ptr<uint8_t>();
  for (int64_t in_cell = 0; in_cell < limits_.merge * limits_.merge; ++in_cell) {
    const int64_t top = y + in_cell / limits_.merge * patch;
    const int64_t left = x + in_cell % limits_.merge * patch;
    for (int64_t channel = 0; channel < 3; ++channel) {
      const T* values = ops::Data<const T>(values_) + 256 * channel;
      const uint8_t* plane = pixels + (bytes.size(1) == 1 ? 0 : channel * bytes.size(2) * width);
      for (int64_t row = 0; row < patch; ++row) {
        const uint8_t* from = plane + (top + row) * width + left;
        for (int64_t i = 0; i < patch; ++i) patches[row * patch + i] = values[from[i]];
      }
      // The page is its own next frame.
      for (int64_t copy = 1; copy < limits_.temporal_patch; ++copy) {
        std::copy_n(patches, frame, patches + copy * frame);
      }
      patches += limits_.temporal_patch * frame;
    }
  }
}

at::Tensor ImagePreprocessor::Patches(const PageImage& image, const PageGrid& grid,
                                      ActivationArena& memory) const {
  const int64_t cell_px = limits_.patch_px * limits_.merge;
  const int64_t cell_patches = limits_.merge * limits_.merge;
  const at::Tensor bytes = Resized(image, grid.rows * cell_px, grid.cols * cell_px);
  at::Tensor patches =
      memory.Take(grid.num_tokens() * cell_patches,
                  3 * limits_.temporal_patch * limits_.patch_px * limits_.patch_px);
  const int64_t cell_values = cell_patches * patches.size(1);
  ops::DispatchElement(patches, [&](auto element) {
    using T = decltype(element);
    ops::ParallelFor(0, grid.num_tokens(), ops::GrainSize(cell_values),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t cell = begin; cell < end; ++cell) {
                         FillCell(bytes, cell / grid.cols * cell_px, cell % grid.cols * cell_px,
                                  ops::Data<T>(patches) + cell * cell_values);
                       }
                     });
  });
  return patches;
}

}  // namespace glyph::vlm
