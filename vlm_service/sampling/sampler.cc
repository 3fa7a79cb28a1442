#include "vlm_service/sampling/sampler.h"

#include <utility>

#include "proto/base/check.h"
#include "vlm_service/sampling/adjust_logits.h"
#include "vlm_service/sampling/distribution.h"
#include "vlm_service/sampling/largest_logit.h"
#include "vlm_service/sampling/log_softmax.h"
#include "vlm_service/sampling/philox.h"

namespace glyph::vlm {
namespace {

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

Sampler::Sampler(SamplingParams params, int32_t vocab_size)
    : params_(std::move(params)), vocab_size_(vocab_size) {
  for (const LogitBias& bias : params_.logit_bias) GLYPH_CHECK(IsInVocabulary(bias.token));
}

void Sampler::Observe(std::span<const int32_t> ids, int64_t num_outputs) {
  GLYPH_CHECK(num_outputs >= 0 && num_outputs <= static_cast<int64_t>(ids.size()));
  const size_t num_prompt = ids.size() - static_cast<size_t>(num_outputs);
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!IsInVocabulary(ids[i])) continue;
    i < num_prompt ? history_.AddPrompt(ids[i]) : history_.AddOutput(ids[i]);
  }
  num_outputs_ += num_outputs;
}

std::optional<Choice> Sampler::Sample(std::span<float> logits) {
  GLYPH_CHECK(logits.size() == static_cast<size_t>(vocab_size_));
  std::optional<Choice> choice = Choose(logits);
  if (!choice) return std::nullopt;
  history_.AddOutput(choice->token);
  ++num_outputs_;
  return choice;
}

Sampler Sampler::WithParams(SamplingParams params) const {
  Sampler other(std::move(params), vocab_size_);
  other.history_ = history_;
  other.num_outputs_ = num_outputs_;
  return other;
}

std::optional<Choice> Sampler::Choose(std::span<float> logits) const {
  std::vector<float> raw_logits;
  if (params_.num_logprobs) raw_logits.assign(logits.begin(), logits.end());
  const std::optional<int32_t> token = ChooseToken(logits);
  if (!token) return std::nullopt;
  Choice choice;
  choice.token = *token;
  if (params_.num_logprobs) {
    const LogSoftmax log_softmax(raw_logits);
    choice.logprob = log_softmax.LogprobOf(*token);
    choice.top_logprobs = log_softmax.Likeliest(*params_.num_logprobs);
  }
  return choice;
}

std::optional<int32_t> Sampler::ChooseToken(std::span<float> logits) const {
  AdjustLogits(logits, params_, history_);
  const std::optional<int32_t> largest = FirstOfLargest(logits);
  if (!largest || params_.temperature == 0) return largest;
  return Draw(ProcessedDistribution(logits, params_),
              UniformAt(params_.seed, static_cast<uint64_t>(num_outputs_)));
}

}  // namespace glyph::vlm
