#pragma once
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "glyph/v1/vlm.pb.h"
#include "vlm_service/server/generation_options.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// The first message of a call, found good.
struct ValidStart {
  Generation generation;
  int64_t text_bytes = 0;  // of all text parts
  int64_t max_pages = 0;   // of all page groups
  // Of all page groups; huge values are cut to something above every context.
  int64_t max_visual_tokens = 0;
};

// Checks every field of `start` against the limits of vlm.proto. INVALID_ARGUMENT names all wrong
// ones.
absl::StatusOr<ValidStart> ValidateStart(const v1::GenerateStart& start, const ServedModel& model);

}  // namespace glyph::vlm
