#include "vlm_service/model/image_preprocessor.h"

#include <vector>

#include "ATen/ops/arange.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/tensor.h"
#include "vlm_service/model/page_fitting.h"

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

at::Tensor ImagePreprocessor::Patches(const PageImage& image, const PageGrid& grid,
                                      ActivationArena& memory) const {
  const auto token_px = static_cast<int32_t>(layout_.patch_px * layout_.merge);
  if (image.height != grid.rows * token_px || image.width != grid.cols * token_px) {
    return Patches(ResizedPage(image, grid, token_px), grid, memory);
  }
  // Nothing writes to it; from_blob has no const form.
  const at::Tensor pixels = at::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                          {image.height, image.width, image.channels}, at::kByte);
  at::Tensor patches = memory.Take(grid.num_tokens() * layout_.merge * layout_.merge,
                                   3 * layout_.temporal * layout_.patch_px * layout_.patch_px);
  ops_.Patches(patches, pixels, layout_);
  return patches;
}

}  // namespace glyph::vlm
