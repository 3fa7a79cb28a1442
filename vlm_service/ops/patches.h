#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

// How a page's bytes become patches.
struct PatchLayout {
  at::Tensor values;  // [3, 256] of the model's type: what a byte of each channel becomes
  int64_t patch_px = 0;
  int64_t merge = 0;     // patches of a cell's side
  int64_t temporal = 0;  // copies of the frame
};

// patches [num_patches, 3 * temporal * patch_px^2], cell by cell (merge x merge patches,
// row-major), of pixels [height, width, channels] uint8 of whole cells; a gray page has three equal
// channels.
void Patches(at::Tensor& patches, const at::Tensor& pixels, const PatchLayout& layout);

}  // namespace glyph::vlm::ops
