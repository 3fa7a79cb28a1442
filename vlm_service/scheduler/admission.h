#pragma once
#include <cstdint>

#include "absl/status/status.h"
#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// Everything a sequence can ask for; fixed for the life of the process.
struct SchedulerLimits {
  int32_t num_blocks = 0;     // KV blocks, above 0
  int32_t block_tokens = 0;   // tokens of one block, above 0
  int32_t num_slots = 0;      // sequences admitted at once, above 0
  int64_t vision_tokens = 0;  // image tokens held at once
  int64_t context_tokens = 0;

  int64_t pool_tokens() const { return int64_t{num_blocks} * block_tokens; }
};

// Blocks that hold `tokens`.
int64_t BlocksFor(int64_t tokens, const SchedulerLimits& limits);

// Whether an empty machine could run `spec`. Otherwise, with what is needed and what there is:
// OUT_OF_RANGE CONTEXT_LENGTH_EXCEEDED, RESOURCE_EXHAUSTED KV_CAPACITY or VISION_CAPACITY (no
// RetryInfo: it will never fit).
absl::Status CheckFits(const SequenceSpec& spec, const SchedulerLimits& limits);

// Output tokens of a request that names none: `preferred`, cut to what the context and the pool
// leave; at least 1 (CheckFits then refuses).
int64_t DefaultOutputTokens(int64_t max_prompt_tokens, int64_t preferred,
                            const SchedulerLimits& limits);

}  // namespace glyph::vlm
