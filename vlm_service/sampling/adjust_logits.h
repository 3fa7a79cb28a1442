#pragma once
#include <span>

#include "vlm_service/sampling/sampling_params.h"
#include "vlm_service/sampling/token_history.h"

namespace glyph::vlm {

// The parameters that change the logits of single tokens, in this order: logit bias
// (SequenceBiasLogitsProcessor of transformers 5.17, sequences of one token), repetition penalty
// over prompt and output (RepetitionPenaltyLogitsProcessor), then OpenAI's frequency and presence
// penalties over the output: logit -= count * frequency + (count > 0) * presence.
// All tokens lie in [0, logits.size()). A finite logit stays finite: what overflows ends at the
// largest float. NaN, Inf and masks (-Inf) stay as they are. Touches only tokens with a bias and,
// when a penalty is on, those of the history.
void AdjustLogits(std::span<float> logits, const SamplingParams& params,
                  const TokenHistory& history);

}  // namespace glyph::vlm
