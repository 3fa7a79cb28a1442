#include "vlm_service/kernels/sample.h"
#include "vlm_service/kernels/sampling_launch.h"

namespace glyph::vlm::kernels {

cudaError_t LaunchSample(const SampleParams& params, cudaStream_t stream) {
  const int32_t vocab = params.tables.vocab;
  if (params.rows == 0) return cudaSuccess;
  if (params.rows < 0 || params.rows > kMaxSampledRows || vocab <= 0 || vocab > kMaxSampledVocab) {
    return cudaErrorInvalidValue;
  }
  const cudaError_t error = LaunchSampleGreedy(params, stream);
  if (error != cudaSuccess || !params.may_draw) return error;
  return LaunchSampleDrawn(params, stream);
}

}  // namespace glyph::vlm::kernels
