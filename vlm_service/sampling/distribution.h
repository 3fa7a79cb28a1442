#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "vlm_service/sampling/sampling_params.h"

// What Hugging Face's logits warpers leave of a row of logits (transformers 5.17,
// generation/logits_process.py).
namespace glyph::vlm {

// A token that may be chosen. Probabilities of a distribution sum to 1.
struct Candidate {
  int32_t token = 0;
  double probability = 0;
};

// TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper, MinPLogitsWarper and softmax, in
// this order. `params.temperature` > 0; at least one logit is finite and none is NaN or +Inf.
// Logits are scaled in place. Candidates come in the order of their ids; at least one stays. Ties
// at the edge of top_k all stay; at the edge of top_p the higher ids stay. A temperature so small
// that scaled logits overflow leaves the tokens of the largest logit. O(V + k log k) for V logits,
// k of which are kept by top_p.
std::vector<Candidate> ProcessedDistribution(std::span<float> logits, const SamplingParams& params);

}  // namespace glyph::vlm
