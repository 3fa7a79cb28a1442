#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/model/token_chooser.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// What an executor is made of on one device, before the weights.
struct ExecutorParts {
  std::unique_ptr<Ops> ops;
  std::unique_ptr<TokenChooser> chooser;  // after ops: uses it
  ExecutorLimits limits;
  std::unique_ptr<ActivationArena> arena;
  std::vector<at::Tensor> page_memory;  // VisionRunner's; none where memory grows
  // What a GPU's driver counts for this process, bytes: before anything was allocated, and now.
  // Null where no driver counts.
  int64_t start_bytes = 0;
  std::function<int64_t()> measure_driver;
};

// INVALID_ARGUMENT: the KV cache would hold no block.
absl::StatusOr<ExecutorParts> MakeCpuParts(const ModelConfig& config,
                                           const ExecutorOptions& options);

// The parts on the first GPU, all of whose memory is taken now, for weights of `num_parameters`.
// UNIMPLEMENTED: this build has no CUDA. UNAVAILABLE: there is no GPU. Else the errors of
// PlanMemory.
absl::StatusOr<ExecutorParts> MakeCudaParts(const ModelConfig& config,
                                            const ExecutorOptions& options, int64_t num_parameters);

at::ScalarType ScalarTypeOf(ModelDType dtype);

}  // namespace glyph::vlm
