#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace glyph::vlm {

// Added to the logit of one token.
struct LogitBias {
  int32_t token = 0;
  float bias = 0;
};

// How one sequence chooses its tokens; already validated (vlm.proto, GenerationOptions states the
// limits).
struct SamplingParams {
  float temperature = 0.0f;  // 0: greedy
  float top_p = 1.0f;
  int32_t top_k = 0;   // 0: all
  float min_p = 0.0f;  // tokens below min_p times the likeliest are dropped; 0: none
  float repetition_penalty = 1.0f;
  float frequency_penalty = 0.0f;     // times the count of a token in the output
  float presence_penalty = 0.0f;      // once for a token in the output
  std::vector<LogitBias> logit_bias;  // each token once
  uint64_t seed = 0;                  // random numbers are keyed by (seed, output index)
  // Log-probabilities that come with each token: of the token itself, and of so many likeliest.
  std::optional<int32_t> num_logprobs;
};

}  // namespace glyph::vlm
