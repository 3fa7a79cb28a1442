#include "vlm_service/model/image_preprocessor.h"

#include <vector>

#include "ATen/ops/_upsample_bicubic2d_aa.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/stack.h"
#include "ATen/ops/tensor.h"

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
  return at::_upsample_bicubic2d_aa(pixels, {height, width}, /*align_corners=*/false);
}

at::Tensor ImagePreprocessor::Patches(const PageImage& image, const PageGrid& grid) const {
  const int64_t patch = limits_.patch_px;
  const int64_t merge = limits_.merge;
  const int64_t cell = patch * merge;
  const at::Tensor bytes = Resized(image, grid.rows * cell, grid.cols * cell);
  // [channel, cell row, row in cell, patch row, cell column, column in cell, patch column]
  const std::vector<int64_t> split = {-1, grid.rows, merge, patch, grid.cols, merge, patch};
  const int64_t num_patches = grid.num_tokens() * merge * merge;
  std::vector<at::Tensor> channels;
  for (int64_t channel = 0; channel < 3; ++channel) {
    const at::Tensor plane = bytes.select(1, bytes.size(1) == 1 ? 0 : channel);
    const at::Tensor indices =
        plane.reshape(split).permute({0, 1, 4, 2, 5, 3, 6}).reshape({-1}).to(at::kInt);
    channels.push_back(
        at::index_select(values_[channel], 0, indices).view({num_patches, 1, patch * patch}));
  }
  // The page is its own next frame.
  return at::stack(channels, 1)
      .expand({num_patches, 3, limits_.temporal_patch, patch * patch})
      .reshape({num_patches, -1});
}

}  // namespace glyph::vlm
