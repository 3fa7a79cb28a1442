#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "vlm_service/scheduler/executor_limits.h"
#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// Whether an empty machine could run `spec`. Otherwise, with what is needed and what there is:
// OUT_OF_RANGE CONTEXT_LENGTH_EXCEEDED, RESOURCE_EXHAUSTED KV_CAPACITY or SLOT_CAPACITY (no
// RetryInfo: it will never fit).
absl::Status CheckFits(const SequenceSpec& spec, const ExecutorLimits& limits);

// Output tokens of a request that names none: `preferred`, cut to what the context and the pool
// leave; at least 1 (CheckFits then refuses).
int64_t DefaultOutputTokens(int64_t max_prompt_tokens, int64_t preferred,
                            const ExecutorLimits& limits);

}  // namespace glyph::vlm
