#pragma once
#include "vlm_service/kernels/skinny_linear.h"

namespace glyph::vlm::kernels {

inline constexpr int64_t kMaxBatchRows = 64;

// As LaunchSkinnyLinear, for 0 .. kMaxBatchRows rows: slower for the few rows that one takes, and
// its order of summation is another. Compute capability 9.0 only; elsewhere cudaErrorNotSupported.
cudaError_t LaunchBatchLinear(const SkinnyLinearParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
