#pragma once
#include "vlm_service/engine/request.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/server/served_model.h"
#include "vlm_service/server/start_validation.h"

namespace glyph::vlm {

// Fills the token bounds of `request` from what `start` announced; `valid` is the same, found good.
// A text takes at most as many tokens as bytes; only when that does not fit is it tokenised here
// for its true length (up to 512 KiB: about 0.1 s).
void SetTokenBounds(const v1::GenerateStart& start, const ValidStart& valid,
                    const PromptBuilder& prompts, const ServedModel& model,
                    const ExecutorLimits& limits, Request& request);

}  // namespace glyph::vlm
