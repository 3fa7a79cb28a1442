#include "vlm_service/server/generation_options.h"

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "vlm_service/engine/request.h"

namespace glyph::vlm {
namespace {

constexpr int kMaxStops = 4;
constexpr size_t kMaxStopBytes = 256;
constexpr uint32_t kMaxLogprobs = 20;
constexpr int kMaxLogitBiases = 1024;
constexpr float kMaxLogitBias = 100;

using Violations = std::vector<rpc::FieldViolation>;

void Refuse(Violations& violations, const std::string& field, const char* reason,
            const std::string& description) {
  violations.push_back({absl::StrCat("start.options.", field), reason, description});
}

// `value` must lie in [low, high], or in (low, high] when `open`. NaN never does.
void CheckRange(Violations& violations, const std::string& field, const char* reason, float value,
                float low, float high, bool open) {
  if ((open ? value > low : value >= low) && value <= high) return;
  Refuse(violations, field, reason,
         absl::StrCat(field, " is ", value, "; it must lie in ", open ? "(" : "[", low, ", ", high,
                      "]"));
}

// The fields that are real numbers.
void CheckReals(const v1::GenerationOptions& options, Violations& violations) {
  const auto check = [&](bool set, const char* field, const char* reason, float value, float low,
                         float high, bool open) {
    if (set) CheckRange(violations, field, reason, value, low, high, open);
  };
  check(options.has_temperature(), "temperature", "TEMPERATURE_OUT_OF_RANGE", options.temperature(),
        0, 2, /*open=*/false);
  check(options.has_top_p(), "top_p", "TOP_P_OUT_OF_RANGE", options.top_p(), 0, 1, /*open=*/true);
  check(options.has_min_p(), "min_p", "MIN_P_OUT_OF_RANGE", options.min_p(), 0, 1, /*open=*/false);
  check(options.has_repetition_penalty(), "repetition_penalty", "REPETITION_PENALTY_OUT_OF_RANGE",
        options.repetition_penalty(), 0, 10, /*open=*/true);
  check(options.has_frequency_penalty(), "frequency_penalty", "FREQUENCY_PENALTY_OUT_OF_RANGE",
        options.frequency_penalty(), -2, 2, /*open=*/false);
  check(options.has_presence_penalty(), "presence_penalty", "PRESENCE_PENALTY_OUT_OF_RANGE",
        options.presence_penalty(), -2, 2, /*open=*/false);
}

void CheckLogitBias(const v1::GenerationOptions& options, const ServedModel& model,
                    Violations& violations) {
  if (options.logit_bias_size() > kMaxLogitBiases) {
    Refuse(violations, "logit_bias", "TOO_MANY_LOGIT_BIASES",
           absl::StrCat(options.logit_bias_size(), " tokens; at most ", kMaxLogitBiases));
    return;
  }
  std::set<uint32_t> seen;
  for (int i = 0; i < options.logit_bias_size(); ++i) {
    const v1::LogitBias& bias = options.logit_bias(i);
    const std::string field = absl::StrCat("logit_bias[", i, "]");
    if (bias.token_id() >= static_cast<uint32_t>(model.vocab_size)) {
      Refuse(violations, field + ".token_id", "TOKEN_NOT_IN_VOCABULARY",
             absl::StrCat("token_id is ", bias.token_id(), "; it must lie in [0, ",
                          model.vocab_size, "), the vocabulary"));
    }
    if (!seen.insert(bias.token_id()).second) {
      Refuse(violations, field + ".token_id", "TOKEN_REPEATED",
             absl::StrCat("token_id ", bias.token_id(), " has a bias already; name it once"));
    }
    CheckRange(violations, field + ".bias", "LOGIT_BIAS_OUT_OF_RANGE", bias.bias(), -kMaxLogitBias,
               kMaxLogitBias, /*open=*/false);
  }
}

void CheckStops(const v1::GenerationOptions& options, Violations& violations) {
  if (options.stop_size() > kMaxStops) {
    Refuse(violations, "stop", "TOO_MANY_STOPS",
           absl::StrCat(options.stop_size(), " stop strings; at most ", kMaxStops));
  }
  for (int i = 0; i < options.stop_size() && i < kMaxStops; ++i) {
    const size_t size = options.stop(i).size();
    if (size >= 1 && size <= kMaxStopBytes) continue;
    Refuse(violations, absl::StrCat("stop[", i, "]"), "STOP_LENGTH_OUT_OF_RANGE",
           absl::StrCat("the stop string has ", size, " bytes; it must have 1 to ", kMaxStopBytes));
  }
}

void CheckCounts(const v1::GenerationOptions& options, const ServedModel& model,
                 Violations& violations) {
  if (options.has_max_tokens() &&
      (options.max_tokens() < 1 || options.max_tokens() > model.context_tokens)) {
    Refuse(violations, "max_tokens", "MAX_TOKENS_OUT_OF_RANGE",
           absl::StrCat("max_tokens is ", options.max_tokens(), "; it must lie in [1, ",
                        model.context_tokens, "], the model's context"));
  }
  if (options.has_top_k() && options.top_k() > static_cast<uint32_t>(model.vocab_size)) {
    Refuse(violations, "top_k", "TOP_K_OUT_OF_RANGE",
           absl::StrCat("top_k is ", options.top_k(), "; it must lie in [0, ", model.vocab_size,
                        "], the vocabulary"));
  }
  if (options.has_n() && (options.n() < 1 || options.n() > static_cast<uint32_t>(kMaxSamples))) {
    Refuse(violations, "n", "N_OUT_OF_RANGE",
           absl::StrCat("n is ", options.n(), "; it must lie in [1, ", kMaxSamples, "]"));
  }
  if (options.has_logprobs() && options.logprobs() > kMaxLogprobs) {
    Refuse(violations, "logprobs", "LOGPROBS_OUT_OF_RANGE",
           absl::StrCat("logprobs is ", options.logprobs(), "; it must lie in [0, ", kMaxLogprobs,
                        "]"));
  }
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

SamplingParams ReadSampling(const v1::GenerationOptions& options, SamplingParams sampling) {
  if (options.has_temperature()) sampling.temperature = options.temperature();
  if (options.has_top_p()) sampling.top_p = options.top_p();
  if (options.has_top_k()) sampling.top_k = static_cast<int32_t>(options.top_k());
  if (options.has_min_p()) sampling.min_p = options.min_p();
  if (options.has_repetition_penalty()) sampling.repetition_penalty = options.repetition_penalty();
  if (options.has_frequency_penalty()) sampling.frequency_penalty = options.frequency_penalty();
  if (options.has_presence_penalty()) sampling.presence_penalty = options.presence_penalty();
  for (const v1::LogitBias& bias : options.logit_bias()) {
    sampling.logit_bias.push_back({static_cast<int32_t>(bias.token_id()), bias.bias()});
  }
  if (options.has_logprobs()) sampling.num_logprobs = static_cast<int32_t>(options.logprobs());
  sampling.seed = options.has_seed() ? options.seed() : RandomSeed();
  return sampling;
}

}  // namespace

Generation ReadGenerationOptions(const v1::GenerationOptions& options, const ServedModel& model,
                                 Violations& violations) {
  CheckReals(options, violations);
  CheckCounts(options, model, violations);
  CheckStops(options, violations);
  CheckLogitBias(options, model, violations);

  Generation generation;
  generation.sampling = ReadSampling(options, model.default_sampling);
  if (options.has_n()) generation.num_samples = static_cast<int32_t>(options.n());
  if (options.has_max_tokens()) generation.max_tokens = options.max_tokens();
  generation.stop.assign(options.stop().begin(), options.stop().end());
  return generation;
}

}  // namespace glyph::vlm
