#include "vlm_service/model/image_preprocessor.h"

#include <vector>

#include "ATen/ops/_upsample_bicubic2d_aa.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/from_blob.h"
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

ImagePreprocessor::ImagePreprocessor(const ModelConfig& config, at::ScalarType type, Ops& ops)
    : ops_(ops),
      layout_({.values = ops.Keep(NormalisedBytes(config.pixels, type)),
               .patch_px = config.pages.patch_px,
               .merge = config.pages.merge,
               .temporal = config.pages.temporal_patch}) {}

at::Tensor ImagePreprocessor::Resized(const PageImage& image, int64_t height, int64_t width) const {
  // Nothing writes to it; from_blob has no const form.
  const at::Tensor pixels = at::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                          {image.height, image.width, image.channels}, at::kByte);
  if (image.height == height && image.width == width) return pixels;
  TORCH_CHECK(image.origin == PageOrigin::kUploaded, "a rendered page differs from its grid");
  const at::Tensor planes = pixels.permute({2, 0, 1}).unsqueeze(0).contiguous();
  return at::_upsample_bicubic2d_aa(planes, {height, width}, /*align_corners=*/false)
      .squeeze(0)
      .permute({1, 2, 0})
      .contiguous();
}

at::Tensor ImagePreprocessor::Patches(const PageImage& image, const PageGrid& grid,
                                      ActivationArena& memory) const {
  const int64_t cell_px = layout_.patch_px * layout_.merge;
  at::Tensor patches = memory.Take(grid.num_tokens() * layout_.merge * layout_.merge,
                                   3 * layout_.temporal * layout_.patch_px * layout_.patch_px);
  ops_.Patches(patches, Resized(image, grid.rows * cell_px, grid.cols * cell_px), layout_);
  return patches;
}

}  // namespace glyph::vlm
