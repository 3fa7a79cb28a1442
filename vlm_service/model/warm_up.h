#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// Runs every kind of step on a fresh executor and frees it again: decode batches of every size,
// chunks and pages from small to large, every way to sample. So what a GPU's driver and
// its libraries allocate when work first runs (kernels they load, plans they make, graphs) is
// allocated before the first request. `token_px` is the side of one image token. The log tells for
// each stage how long it took and what the driver's figure grew by. The executor's errors.
absl::Status WarmUp(StepExecutor& executor, int32_t token_px, int64_t max_chunk_tokens);

}  // namespace glyph::vlm
