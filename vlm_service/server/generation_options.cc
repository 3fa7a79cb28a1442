#include "vlm_service/server/generation_options.h"

#include <random>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr int kMaxStops = 4;
constexpr size_t kMaxStopBytes = 256;

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

void RefuseReserved(const v1::GenerationOptions& options, Violations& violations) {
  const auto refuse = [&](bool set, const char* field) {
    if (!set) return;
    Refuse(violations, field, "OPTION_UNSUPPORTED",
           absl::StrCat(field, " is not supported by this version; leave it unset"));
  };
  refuse(options.has_min_p(), "min_p");
  refuse(options.has_frequency_penalty(), "frequency_penalty");
  refuse(options.has_presence_penalty(), "presence_penalty");
  refuse(options.has_n() && options.n() != 1, "n");
  refuse(options.has_logprobs() && options.logprobs() != 0, "logprobs");
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
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

Generation ReadGenerationOptions(const v1::GenerationOptions& options, const ServedModel& model,
                                 Violations& violations) {
  if (options.has_temperature()) {
    CheckRange(violations, "temperature", "TEMPERATURE_OUT_OF_RANGE", options.temperature(), 0, 2,
               /*open=*/false);
  }
  if (options.has_top_p()) {
    CheckRange(violations, "top_p", "TOP_P_OUT_OF_RANGE", options.top_p(), 0, 1, /*open=*/true);
  }
  if (options.has_repetition_penalty()) {
    CheckRange(violations, "repetition_penalty", "REPETITION_PENALTY_OUT_OF_RANGE",
               options.repetition_penalty(), 0, 10, /*open=*/true);
  }
  CheckCounts(options, model, violations);
  CheckStops(options, violations);
  RefuseReserved(options, violations);

  Generation generation;
  SamplingParams& sampling = generation.sampling;
  sampling = model.default_sampling;
  if (options.has_temperature()) sampling.temperature = options.temperature();
  if (options.has_top_p()) sampling.top_p = options.top_p();
  if (options.has_top_k()) sampling.top_k = static_cast<int32_t>(options.top_k());
  if (options.has_repetition_penalty()) sampling.repetition_penalty = options.repetition_penalty();
  sampling.seed = options.has_seed() ? options.seed() : RandomSeed();
  if (options.has_max_tokens()) generation.max_tokens = options.max_tokens();
  generation.stop.assign(options.stop().begin(), options.stop().end());
  return generation;
}

}  // namespace glyph::vlm
