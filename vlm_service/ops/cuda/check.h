#pragma once
#include <cuda_runtime_api.h>

#include "absl/status/status.h"
#include "c10/util/Exception.h"

namespace glyph::vlm {

// Throws torch's error when a CUDA call failed; one for memory when that is what ran out.
inline void CheckCuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  TORCH_CHECK_WITH(OutOfMemoryError, error != cudaErrorMemoryAllocation, what, ": ",
                   cudaGetErrorString(error));
  TORCH_CHECK(false, what, ": ", cudaGetErrorString(error));
}

inline void CheckOk(const absl::Status& status) {
  TORCH_CHECK(status.ok(), std::string(status.message()));
}

}  // namespace glyph::vlm
