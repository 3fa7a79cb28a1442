#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "vlm_service/engine/golden_answer.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/prompt/prompt_builder.h"

namespace glyph::vlm {

// Runs one prompt of a blank page and `golden.text` on a fresh executor, for every golden step or
// else for two tokens, and frees it again: a model that cannot do this must not serve. `token_px`
// is the side of one image token. INTERNAL: logits that are not finite or not the golden ones; else
// the executor's error.
absl::Status RunSelfTest(StepExecutor& executor, const PromptBuilder& prompts, int32_t token_px,
                         const GoldenAnswer& golden);

}  // namespace glyph::vlm
