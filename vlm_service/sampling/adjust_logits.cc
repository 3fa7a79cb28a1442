#include "vlm_service/sampling/adjust_logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace glyph::vlm {
namespace {

float ToFinite(float logit) {
  constexpr float kMax = std::numeric_limits<float>::max();
  return std::clamp(logit, -kMax, kMax);
}

void AddBias(std::span<float> logits, std::span<const LogitBias> biases) {
  for (const LogitBias& bias : biases) {
    float& logit = logits[bias.token];
    if (std::isfinite(logit)) logit = ToFinite(logit + bias.bias);
  }
}

// `num_outputs`: times the token was an output; it may be of the prompt alone.
float Penalized(float logit, int32_t num_outputs, const SamplingParams& params) {
  logit = logit < 0 ? logit * params.repetition_penalty : logit / params.repetition_penalty;
  if (num_outputs == 0) return logit;
  return logit -
         (static_cast<float>(num_outputs) * params.frequency_penalty + params.presence_penalty);
}

}  // namespace

void AdjustLogits(std::span<float> logits, const SamplingParams& params,
                  const TokenHistory& history) {
  AddBias(logits, params.logit_bias);
  const bool penalizes = params.repetition_penalty != 1 || params.frequency_penalty != 0 ||
                         params.presence_penalty != 0;
  if (!penalizes) return;
  for (const auto& [token, num_outputs] : history.output_counts()) {
    float& logit = logits[token];
    if (std::isfinite(logit)) logit = ToFinite(Penalized(logit, num_outputs, params));
  }
}

}  // namespace glyph::vlm
