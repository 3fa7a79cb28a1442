#pragma once
#include <cstdint>

namespace glyph::vlm {

// How one sequence chooses its tokens; already validated (vlm.proto, GenerationOptions states the
// limits).
struct SamplingParams {
  float temperature = 0.0f;  // 0: greedy
  float top_p = 1.0f;
  int32_t top_k = 0;  // 0: all
  float repetition_penalty = 1.0f;
  uint64_t seed = 0;  // random numbers are keyed by (seed, output index)
};

}  // namespace glyph::vlm
