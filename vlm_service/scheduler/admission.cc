#include "vlm_service/scheduler/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

absl::Status TooLarge(absl::StatusCode code, const char* reason, const std::string& message) {
  return rpc::MakeError(code, {.reason = reason, .field = "", .retry_after = {}}, message);
}

}  // namespace

int64_t BlocksFor(int64_t tokens, const SchedulerLimits& limits) {
  return (tokens + limits.block_tokens - 1) / limits.block_tokens;
}

absl::Status CheckFits(const SequenceSpec& spec, const SchedulerLimits& limits) {
  const int64_t tokens = spec.max_prompt_tokens + spec.max_output_tokens;
  if (tokens > limits.context_tokens) {
    return TooLarge(
        absl::StatusCode::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED",
        absl::StrCat("a prompt of up to ", spec.max_prompt_tokens, " tokens and ",
                     spec.max_output_tokens, " output tokens exceed the context of ",
                     limits.context_tokens, " tokens; send fewer pages or lower max_tokens"));
  }
  if (BlocksFor(tokens, limits) > limits.num_blocks) {
    return TooLarge(absl::StatusCode::kResourceExhausted, "KV_CAPACITY",
                    absl::StrCat("the request needs ", BlocksFor(tokens, limits),
                                 " KV blocks; this server has ", limits.num_blocks,
                                 "; send fewer pages or lower max_tokens"));
  }
  if (spec.max_visual_tokens > limits.vision_tokens) {
    return TooLarge(absl::StatusCode::kResourceExhausted, "VISION_CAPACITY",
                    absl::StrCat("the request brings up to ", spec.max_visual_tokens,
                                 " image tokens; this server holds ", limits.vision_tokens,
                                 "; send fewer or smaller pages"));
  }
  return absl::OkStatus();
}

int64_t DefaultOutputTokens(int64_t max_prompt_tokens, int64_t preferred,
                            const SchedulerLimits& limits) {
  const int64_t room = std::min(limits.context_tokens, limits.pool_tokens()) - max_prompt_tokens;
  return std::max<int64_t>(1, std::min(preferred, room));
}

}  // namespace glyph::vlm
