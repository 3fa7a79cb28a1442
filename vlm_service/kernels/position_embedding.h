#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// Adds the learned position table, resampled to a page, to x: grid_sample's bicubic, align_corners
// false, border padding, in float32 until the resampled value is rounded to the element's type; the
// sum is rounded again. All pointers are to the device.
struct PositionEmbeddingParams {
  Element element = Element::kBFloat16;
  void* x = nullptr;  // [patches, width], rows x_stride elements apart
  int64_t x_stride = 0;
  int64_t patches = 0;
  int32_t width = 0;
  const void* table = nullptr;       // [side * side, width]
  int32_t side = 0;                  // rows and columns of the table
  const int32_t* rows = nullptr;     // [patches]: each patch's place on the page's grid
  const int32_t* columns = nullptr;  // [patches]
  int32_t grid_rows = 0;
  int32_t grid_cols = 0;
};
cudaError_t LaunchAddPositionEmbedding(const PositionEmbeddingParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
