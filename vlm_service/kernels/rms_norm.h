#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Normalisation of rows. A row's result depends on no other row, nor on how many there are: it is
// summed in float32 in an order that its width alone fixes. Strides count elements from row to row.
// Rows whose pointers, strides and width are multiples of 16 bytes move 16 bytes at a time.
namespace glyph::vlm::kernels {

// out = T(x / rms(x)) * weight, rounded once more. out may be x.
struct RmsNormParams {
  Element element = Element::kBFloat16;
  const void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  const void* weight = nullptr;  // [width]
  void* out = nullptr;           // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  float eps = 0;
};
cudaError_t LaunchRmsNorm(const RmsNormParams& params, cudaStream_t stream);

// residual += T(x / rms(x)) * weight, where the product and the sum are rounded; then, with a
// next_weight, out = RmsNorm(residual, next_weight) in the same pass. Without a weight,
// residual += x. `out` may be x.
struct AddRmsNormParams {
  Element element = Element::kBFloat16;
  void* residual = nullptr;  // [rows, width]
  int64_t residual_stride = 0;
  const void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  const void* weight = nullptr;       // [width], or null
  const void* next_weight = nullptr;  // [width], or null
  void* out = nullptr;                // [rows, width]; unused without next_weight
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  float eps = 0;  // of both
};
cudaError_t LaunchAddRmsNorm(const AddRmsNormParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
