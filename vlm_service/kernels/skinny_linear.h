#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace glyph::vlm::kernels {

// y[rows, out_features] = x[rows, in_features] weight[out_features, in_features]^T + bias, all
// bfloat16, summed in float32 and rounded once, for a few rows: bound by reading the weight, once.
// The order of summation depends on in_features alone, so a row's result does not depend on the
// other rows, their number or the GPU.
struct SkinnyLinearParams {
  const void* x;         // 16-byte aligned
  const void* weight;    // contiguous, 16-byte aligned
  const void* bias;      // [out_features], or null
  void* y;               // overlaps nothing that is read
  int64_t rows;          // 0 .. kMaxSkinnyRows
  int64_t in_features;   // > 0, a multiple of 8
  int64_t out_features;  // > 0; even where gated
  int64_t x_stride;      // between rows, in values; a multiple of 8
  int64_t y_stride;

  // Instead y[rows, out_features / 2] = T(silu(gate)) * up, rounded, where gate and up are the
  // first and second half of what would be y, rounded.
  bool gated = false;

  // Lets the kernel start and read weights while the one before it in the stream still runs
  // (compute capability 9.0; elsewhere it must be false). It touches x and y only after that one
  // has ended. The weight and the bias must have been written before that one started.
  bool overlap = false;
};

inline constexpr int64_t kMaxSkinnyRows = 16;

// cudaErrorInvalidValue where the parameters break their contract.
cudaError_t LaunchSkinnyLinear(const SkinnyLinearParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
