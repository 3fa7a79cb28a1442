#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// out = (x - mean) / std * weight + bias, rounded once. out may be x. A row's result depends on no
// other row, nor on how many there are. Strides count elements from row to row; rows whose
// pointers, strides and width are multiples of 16 bytes move 16 bytes at a time.
struct LayerNormParams {
  Element element = Element::kBFloat16;
  const void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  const void* weight = nullptr;  // [width]
  const void* bias = nullptr;    // [width]
  void* out = nullptr;           // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  float eps = 0;
};
cudaError_t LaunchLayerNorm(const LayerNormParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
