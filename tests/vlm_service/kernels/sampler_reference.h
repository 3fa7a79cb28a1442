#pragma once
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "vlm_service/kernels/sample.h"
#include "vlm_service/sampling/adjust_logits.h"
#include "vlm_service/sampling/distribution.h"
#include "vlm_service/sampling/philox.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm::kernels {

// The host's Sampler beside the device's, for one sequence. Both see the same tokens: where a draw
// falls on the edge between two, the device's choice is what both go on with.
class SamplerReference {
 public:
  SamplerReference(SamplingParams params, int32_t vocab)
      : params_(std::move(params)), vocab_(vocab), sampler_(params_, vocab) {}

  void Observe(const std::vector<int32_t>& ids, int32_t num_outputs) {
    const size_t num_prompt = ids.size() - static_cast<size_t>(num_outputs);
    prompt_.insert(prompt_.end(), ids.begin(), ids.begin() + static_cast<ptrdiff_t>(num_prompt));
    outputs_.insert(outputs_.end(), ids.begin() + static_cast<ptrdiff_t>(num_prompt), ids.end());
    sampler_.Observe(ids, num_outputs);
  }

  SamplerReference WithParams(const SamplingParams& params) const {
    SamplerReference other(params, vocab_);
    other.Observe(prompt_, 0);
    other.Observe(outputs_, static_cast<int32_t>(outputs_.size()));
    return other;
  }

  // The device chose this from these logits.
  void Expect(const std::vector<float>& logits, const SampleResult& result) {
    std::vector<float> changed = logits;
    const std::optional<Choice> choice = sampler_.Sample(changed);
    ASSERT_EQ(result.finite, choice.has_value() ? 1 : 0);
    if (!choice.has_value()) {
      EXPECT_EQ(result.token, 0);
      EXPECT_EQ(result.logprob, 0);
      return;
    }
    ASSERT_TRUE(result.token >= 0 && result.token < vocab_) << result.token;
    if (result.token != choice->token) {
      ++num_disagreements_;
      EXPECT_LE(DistanceOfDraw(logits, result.token), 1e-5)
          << "host chose " << choice->token << ", device " << result.token << " at output "
          << outputs_.size();
    } else if (params_.num_logprobs.has_value()) {
      EXPECT_NEAR(result.logprob, choice->logprob, 2e-5);
    } else {
      EXPECT_EQ(result.logprob, 0);
    }
    outputs_.push_back(result.token);
    if (result.token != choice->token) sampler_ = WithParams(params_).sampler_;
  }

  int num_disagreements() const { return num_disagreements_; }

 private:
  // How far the random number lies from the token's share of [0, 1); infinite for greedy choices
  // and tokens that may not be drawn.
  double DistanceOfDraw(std::vector<float> logits, int32_t token) const {
    if (params_.temperature == 0) return INFINITY;
    TokenHistory history;
    for (const int32_t id : prompt_) {
      if (id >= 0 && id < vocab_) history.AddPrompt(id);
    }
    for (const int32_t id : outputs_) {
      if (id >= 0 && id < vocab_) history.AddOutput(id);
    }
    AdjustLogits(logits, params_, history);
    const double uniform = UniformAt(params_.seed, outputs_.size());
    double cumulative = 0;
    for (const Candidate& candidate : ProcessedDistribution(logits, params_)) {
      const double end = cumulative + candidate.probability;
      if (candidate.token == token) return std::max({0.0, cumulative - uniform, uniform - end});
      cumulative = end;
    }
    return INFINITY;
  }

  SamplingParams params_;
  int32_t vocab_;
  std::vector<int32_t> prompt_;
  std::vector<int32_t> outputs_;
  Sampler sampler_;
  int num_disagreements_ = 0;
};

}  // namespace glyph::vlm::kernels
