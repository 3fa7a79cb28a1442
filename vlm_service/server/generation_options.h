#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "glyph/v1/vlm.pb.h"
#include "proto/rpc/error.h"
#include "vlm_service/sampling/sampling_params.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// How an answer is generated, defaults filled in.
struct Generation {
  SamplingParams sampling;
  int32_t num_samples = 1;
  std::optional<int64_t> max_tokens;  // unset: as many as fit, up to the model's default
  std::vector<std::string> stop;
};

// Reads `options` (GenerateStart.options). Every field outside its limits is added to `violations`;
// the result then means nothing. An unset seed is drawn at random.
Generation ReadGenerationOptions(const v1::GenerationOptions& options, const ServedModel& model,
                                 std::vector<rpc::FieldViolation>& violations);

}  // namespace glyph::vlm
