#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vlm_service/sampling/sampling_params.h"

namespace glyph::vlm {

// Chooses the tokens of one sequence, as Hugging Face's generate does: repetition penalty, then the
// first of the largest logits when greedy, else temperature, top_k, top_p and a draw that depends
// on nothing but the distribution, the seed and the output index. Not thread-safe.
class Sampler {
 public:
  // `params` is validated; prompt ids outside [0, vocab_size) take part in nothing.
  Sampler(const SamplingParams& params, std::span<const int32_t> prompt_ids, int32_t vocab_size);

  // The token for output `index` (from 0) given `logits` [vocab_size], which may be changed. It is
  // remembered for the penalty. nullopt when a logit is NaN or +Inf, or none is finite; a part of
  // them may be -Inf, as masks leave them.
  std::optional<int32_t> Sample(std::span<float> logits, int64_t index);

 private:
  void Remember(int32_t token);

  const SamplingParams params_;
  // Only with a penalty, else empty.
  std::vector<bool> is_seen_;  // [vocab_size]
  std::vector<int32_t> seen_;  // each token once
};

}  // namespace glyph::vlm
