#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vlm_service/sampling/sampling_params.h"
#include "vlm_service/sampling/token_history.h"

namespace glyph::vlm {

// How likely a token was: the logarithm of its softmax over the model's raw logits.
struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;
};

// A chosen token.
struct Choice {
  int32_t token = 0;
  // Only with SamplingParams::num_logprobs.
  float logprob = 0;                       // of `token`
  std::vector<TokenLogprob> top_logprobs;  // the likeliest, falling; ties in order of ids
};

// Chooses the tokens of one sequence: logit bias, repetition penalty, frequency and presence
// penalty, then the first of the largest logits when greedy, else temperature, top_k, top_p, min_p
// and a draw that depends on nothing but the distribution, the seed and the output index. Copies
// continue independently. Not thread-safe.
class Sampler {
 public:
  // `params` is validated.
  Sampler(SamplingParams params, int32_t vocab_size);

  // Tokens of the sequence that were not chosen here: the last `num_outputs` of `ids` are outputs,
  // the others its prompt. Ids outside [0, vocab_size) take part in nothing.
  void Observe(std::span<const int32_t> ids, int64_t num_outputs);

  // The next output token given `logits` [vocab_size], which may be changed. It is remembered for
  // the penalties. nullopt when a logit is NaN or +Inf, or none is finite; a part of them may be
  // -Inf, as masks leave them.
  std::optional<Choice> Sample(std::span<float> logits);

  // Outputs so far, observed and chosen: the index of the next one.
  int64_t num_outputs() const { return num_outputs_; }

  // The same history with other parameters, for a fork.
  Sampler WithParams(SamplingParams params) const;

 private:
  // What Sample returns, not yet remembered.
  std::optional<Choice> Choose(std::span<float> logits) const;
  std::optional<int32_t> ChooseToken(std::span<float> logits) const;
  bool IsInVocabulary(int32_t token) const { return token >= 0 && token < vocab_size_; }

  SamplingParams params_;
  int32_t vocab_size_;
  int64_t num_outputs_ = 0;
  TokenHistory history_;
};

}  // namespace glyph::vlm
