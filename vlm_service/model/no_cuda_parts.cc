// MakeCudaParts of a build without CUDA.
#include "vlm_service/model/executor_parts.h"

namespace glyph::vlm {

absl::StatusOr<ExecutorParts> MakeCudaParts(const ModelConfig& /*config*/,
                                            const ExecutorOptions& /*options*/,
                                            int64_t /*num_parameters*/) {
  return absl::UnimplementedError(
      "this build has no CUDA; use --device cpu, or a build with GLYPH_CUDA=ON");
}

}  // namespace glyph::vlm
