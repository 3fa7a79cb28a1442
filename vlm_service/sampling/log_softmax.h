#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// Log-probabilities of a row of logits, summed in double. At least one logit is finite, none is NaN
// or +Inf; they outlive this. Probability zero (-Inf) has the log-probability -Inf.
class LogSoftmax {
 public:
  explicit LogSoftmax(std::span<const float> logits);

  float LogprobOf(int32_t token) const;

  // The `count` likeliest tokens, falling, ties in order of ids. Fewer when the others are masked.
  std::vector<TokenLogprob> Likeliest(int32_t count) const;

 private:
  std::span<const float> logits_;
  double largest_;
  double log_total_;  // logarithm of the sum of exp(logit - largest)
};

}  // namespace glyph::vlm
