#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// Cuts a page into the patches the vision encoder reads. A cell is merge x merge patches; cells
// come row by row, so do the patches of a cell. A patch is [3, temporal, patch, patch]: the page is
// its own next frame, and gray is three equal channels. All pointers are to the device.
struct PatchesParams {
  Element element = Element::kBFloat16;
  const uint8_t* pixels = nullptr;  // [height, width, channels]
  int32_t height = 0;               // multiples of merge * patch
  int32_t width = 0;
  int32_t channels = 0;          // 1 or 3
  const void* values = nullptr;  // [3, 256]: what a channel's bytes become
  void* out = nullptr;           // [patches, 3 * temporal * patch * patch], dense
  int32_t patch = 0;
  int32_t merge = 0;
  int32_t temporal = 0;
};

// cudaErrorInvalidValue where a size is none of those above, or a cell's pixels exceed 32 KiB.
cudaError_t LaunchPatches(const PatchesParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
