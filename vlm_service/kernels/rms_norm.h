#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Normalisation of rows. A row's result depends on no other row, nor on how many there are: it is
// summed in float32 in an order that its width alone fixes. Strides count elements from row to row.
// Rows whose pointers, strides and width are multiples of 16 bytes move 16 bytes at a time, those
// of bfloat16 beside float32 8 bytes.
namespace glyph::vlm::kernels {

// out = x / rms(x) * weight, where x / rms(x) is rounded to x's type and the product to out's.
struct RmsNormParams {
  Element element = Element::kBFloat16;    // of weight and out
  Element x_element = Element::kBFloat16;  // that, or float32
  const void* x = nullptr;                 // [rows, width]
  int64_t x_stride = 0;
  const void* weight = nullptr;  // [width]
  void* out = nullptr;           // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  float eps = 0;
};
cudaError_t LaunchRmsNorm(const RmsNormParams& params, cudaStream_t stream);

// residual += x / rms(x) * weight in float32; then, with a next_weight, out = RmsNorm(residual,
// next_weight) in the same pass. `out` may be x.
struct AddRmsNormParams {
  Element element = Element::kBFloat16;  // of all but the residual
  float* residual = nullptr;             // [rows, width]
  int64_t residual_stride = 0;
  const void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  const void* weight = nullptr;       // [width]
  const void* next_weight = nullptr;  // [width], or null
  void* out = nullptr;                // [rows, width]; unused without next_weight
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  float eps = 0;  // of both
};
cudaError_t LaunchAddRmsNorm(const AddRmsNormParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
