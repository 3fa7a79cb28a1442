#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "vlm_service/kernels/skinny_linear.h"

namespace glyph::vlm::kernels {

// What a launch needs to know of the current device.
struct LinearDevice {
  int processors;
  bool hopper;
};

inline cudaError_t ReadLinearDevice(LinearDevice& device) {
  int ordinal = 0;
  int major = 0;
  cudaError_t error = cudaGetDevice(&ordinal);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&device.processors, cudaDevAttrMultiProcessorCount, ordinal);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, ordinal);
  device.hopper = major >= 9;
  return error;
}

// Whether the parameters keep the contract of SkinnyLinearParams.
inline bool ValidLinear(const SkinnyLinearParams& p, int64_t max_rows) {
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
  };
  constexpr int64_t kLimit = int64_t{1} << 30;
  return p.rows >= 0 && p.rows <= max_rows && p.in_features > 0 && p.in_features < kLimit &&
         p.in_features % 8 == 0 && p.out_features > 0 && p.out_features < kLimit &&
         p.x_stride % 8 == 0 && !(p.gated && p.out_features % 2 != 0) && aligned(p.x) &&
         aligned(p.weight);
}

}  // namespace glyph::vlm::kernels
