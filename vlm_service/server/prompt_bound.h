#pragma once
#include <cstdint>

#include "vlm_service/engine/request.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/scheduler/admission.h"
#include "vlm_service/server/page_receiver.h"
#include "vlm_service/server/served_model.h"
#include "vlm_service/server/start_validation.h"

namespace glyph::vlm {

// Fills the token bounds of `request` from what `start` announced. A text takes at most as many
// tokens as bytes; only when that does not fit is it tokenised here for its true length (up to
// 512 KiB: about 0.1 s). `pages` is fresh: nothing was offered yet.
void SetTokenBounds(const ValidStart& start, const PageReceiver& pages,
                    const PromptBuilder& prompts, const ServedModel& model,
                    const SchedulerLimits& limits, Request& request);

}  // namespace glyph::vlm
