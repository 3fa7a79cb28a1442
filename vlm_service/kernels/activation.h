#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/element.h"

// Operations on each value by itself. Strides count elements from row to row. Rows whose pointers,
// strides and width are multiples of 16 bytes move 16 bytes at a time.
namespace glyph::vlm::kernels {

// out = T(silu(gate)) * up, rounded once more, where a row of gate_up is the gate's `width` values
// and then those of up.
struct SiluMulParams {
  Element element = Element::kBFloat16;
  const void* gate_up = nullptr;  // [rows, 2 * width]
  int64_t gate_up_stride = 0;
  void* out = nullptr;  // [rows, width]
  int64_t out_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchSiluMul(const SiluMulParams& params, cudaStream_t stream);

// x = gelu(x), the exact one (erf).
struct GeluParams {
  Element element = Element::kBFloat16;
  void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchGelu(const GeluParams& params, cudaStream_t stream);

// residual += x.
struct AddParams {
  Element element = Element::kBFloat16;
  void* residual = nullptr;  // [rows, width]
  int64_t residual_stride = 0;
  const void* x = nullptr;  // [rows, width]
  int64_t x_stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
};
cudaError_t LaunchAdd(const AddParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
