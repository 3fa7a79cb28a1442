#pragma once
#include <cuda_bf16.h>

#include <cstdint>

// What becomes of sums of products once they are complete.
namespace glyph::vlm::kernels {

// Sums are kept as [row of x][kColumns weight rows]; the latter in an order in which neither
// storing what a lane has of a matrix tile nor reading along a row has bank conflicts.
template <int kColumns>
__device__ inline int SumIndex(int row, int column) {
  return row * kColumns + (column ^ (row / 2 % 4 * 8));
}

// An output, rounded to bfloat16.
__device__ inline float RoundedSum(float sum, const void* bias, int64_t output) {
  if (bias != nullptr) sum += __bfloat162float(static_cast<const __nv_bfloat16*>(bias)[output]);
  return __bfloat162float(__float2bfloat16_rn(sum));
}

// T(silu(gate)) * up, before it is rounded.
__device__ inline float SiluMul(float gate, float up) {
  return __bfloat162float(__float2bfloat16_rn(gate / (1.0f + expf(-gate)))) * up;
}

}  // namespace glyph::vlm::kernels
