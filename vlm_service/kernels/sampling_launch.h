#pragma once
#include <cuda_runtime_api.h>

#include "vlm_service/kernels/sample.h"

// The two halves of LaunchSample.
namespace glyph::vlm::kernels {

// Rows without a temperature; the others are left alone.
cudaError_t LaunchSampleGreedy(const SampleParams& params, cudaStream_t stream);

// Rows with a temperature; the others are left alone.
cudaError_t LaunchSampleDrawn(const SampleParams& params, cudaStream_t stream);

}  // namespace glyph::vlm::kernels
