#include "vlm_service/ops/cuda/driver_memory.h"

#include <cuda_runtime_api.h>

namespace glyph::vlm {

int64_t DriverUsedBytes() {
  size_t free = 0;
  size_t total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return 0;
  return static_cast<int64_t>(total - free);
}

int64_t DriverGauge::Recent() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_ask_) {
    used_bytes_ = DriverUsedBytes();
    next_ask_ = now + std::chrono::seconds(1);
  }
  return used_bytes_;
}

}  // namespace glyph::vlm
