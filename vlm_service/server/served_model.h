#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_grid.h"
#include "vlm_service/sampling/sampling_params.h"

namespace glyph::vlm {

// What the server tells, checks and asks of its model, independent of who computes it.
struct ServedModel {
  std::string name;
  std::string dtype;   // "float32", "bfloat16"
  std::string device;  // "cpu", "cuda"
  int32_t vocab_size = 0;
  int64_t context_tokens = 0;
  int64_t num_parameters = 0;
  PageLimits pages;
  // An upload on its grid, as the model reads it; on the calling thread.
  std::function<absl::StatusOr<PageImage>(PageImage, const PageGrid&)> fit_page =
      [](PageImage page, const PageGrid& /*grid*/) { return page; };
  std::vector<int32_t> stop_token_ids;
  std::string render_profile_json;  // empty: the model names none
  std::string profile_fingerprint;  // 32 bytes; empty: any profile is taken

  // Of requests that leave them unset.
  SamplingParams default_sampling;
  int64_t default_max_tokens = 1024;
};

// The 32 bytes of "profile_fingerprint" (64 hexadecimal digits) in a render_profile.json; empty
// when `json` is empty or has none. INVALID_ARGUMENT: not JSON, not an object, or not 64 digits.
absl::StatusOr<std::string> ProfileFingerprintOf(const std::string& json);

}  // namespace glyph::vlm
