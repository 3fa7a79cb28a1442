#include "vlm_service/sampling/sampler.h"

#include <algorithm>
#include <cmath>

#include "vlm_service/sampling/distribution.h"
#include "vlm_service/sampling/philox.h"

namespace glyph::vlm {
namespace {

bool IsUsable(std::span<const float> logits) {
  bool any_finite = false;
  for (const float logit : logits) {
    if (std::isnan(logit) || logit == INFINITY) return false;
    any_finite |= std::isfinite(logit);
  }
  return any_finite;
}

// The first candidate at which the cumulative probability passes `uniform`, which is below 1.
int32_t Draw(std::span<const Candidate> candidates, double uniform) {
  double cumulative = 0;
  for (const Candidate& candidate : candidates) {
    cumulative += candidate.probability;
    if (uniform < cumulative) return candidate.token;
  }
  return candidates.back().token;  // rounding left the sum a little below 1
}

}  // namespace

Sampler::Sampler(const SamplingParams& params, std::span<const int32_t> prompt_ids,
                 int32_t vocab_size)
    : params_(params) {
  if (params_.repetition_penalty == 1.0f) return;
  is_seen_.resize(static_cast<size_t>(vocab_size));
  for (const int32_t id : prompt_ids) Remember(id);
}

std::optional<int32_t> Sampler::Sample(std::span<float> logits, int64_t index) {
  if (!IsUsable(logits)) return std::nullopt;
  ApplyRepetitionPenalty(logits, seen_, params_.repetition_penalty);
  int32_t token = 0;
  if (params_.temperature == 0) {
    token = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  } else {
    token = Draw(ProcessedDistribution(logits, params_),
                 UniformAt(params_.seed, static_cast<uint64_t>(index)));
  }
  Remember(token);
  return token;
}

void Sampler::Remember(int32_t token) {
  if (token < 0 || static_cast<size_t>(token) >= is_seen_.size() || is_seen_[token]) return;
  is_seen_[token] = true;
  seen_.push_back(token);
}

}  // namespace glyph::vlm
