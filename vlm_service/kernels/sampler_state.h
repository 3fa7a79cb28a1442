#pragma once
#include <algorithm>
#include <vector>

#include "vlm_service/kernels/sampling_tables.h"
#include "vlm_service/sampling/sampling_params.h"

// What the sampling tables hold of a sequence that starts with validated parameters.
namespace glyph::vlm::kernels {

inline SamplerState StateOf(const SamplingParams& params) {
  return {.temperature = params.temperature,
          .top_p = params.top_p,
          .min_p = params.min_p,
          .top_k = params.top_k,
          .repetition_penalty = params.repetition_penalty,
          .frequency_penalty = params.frequency_penalty,
          .presence_penalty = params.presence_penalty,
          .num_biases = static_cast<int32_t>(params.logit_bias.size()),
          .seed = params.seed,
          .next_index = 0,
          .wants_logprob = params.num_logprobs.has_value() ? 1 : 0,
          .padding = 0};
}

inline std::vector<BiasEntry> BiasesOf(const SamplingParams& params) {
  std::vector<BiasEntry> biases;
  for (const LogitBias& bias : params.logit_bias) biases.push_back({bias.token, bias.bias});
  std::sort(biases.begin(), biases.end(),
            [](const BiasEntry& a, const BiasEntry& b) { return a.token < b.token; });
  return biases;
}

}  // namespace glyph::vlm::kernels
