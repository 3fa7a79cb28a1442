#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/prompt/prompt_builder.h"

namespace glyph::vlm {

// Runs one prompt of a blank page and a word on a fresh executor, for a first and a second token,
// and frees it again: a model that cannot do this must not serve. `token_px` is the side of one
// image token. INTERNAL: logits that are not finite; else the executor's error.
absl::Status RunSelfTest(StepExecutor& executor, const PromptBuilder& prompts, int32_t token_px);

}  // namespace glyph::vlm
