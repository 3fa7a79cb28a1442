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

absl::Status CheckFits(const SequenceSpec& spec, const ExecutorLimits& limits) {
  const int64_t tokens = spec.max_prompt_tokens + spec.max_output_tokens;
  if (tokens > limits.context_tokens) {
    return TooLarge(
        absl::StatusCode::kOutOfRange, "CONTEXT_LENGTH_EXCEEDED",
        absl::StrCat("a prompt of up to ", spec.max_prompt_tokens, " tokens and ",
                     spec.max_output_tokens, " output tokens exceed the context of ",
                     limits.context_tokens, " tokens; send fewer pages or lower max_tokens"));
  }
  if (limits.BlocksFor(tokens) > limits.num_blocks) {
    return TooLarge(
        absl::StatusCode::kResourceExhausted, "KV_CAPACITY",
        absl::StrCat("the request needs ", limits.BlocksFor(tokens), " KV blocks; this server has ",
                     limits.num_blocks, "; send fewer pages or lower max_tokens"));
  }
  const auto samples = static_cast<int32_t>(1 + spec.forks.size());
  if (samples > limits.max_slots) {
    return TooLarge(absl::StatusCode::kResourceExhausted, "SLOT_CAPACITY",
                    absl::StrCat("the request asks for ", samples, " samples; this server runs ",
                                 limits.max_slots, " sequences at once; lower n"));
  }
  return absl::OkStatus();
}

int64_t DefaultOutputTokens(int64_t max_prompt_tokens, int64_t preferred,
                            const ExecutorLimits& limits) {
  const int64_t room = std::min(limits.context_tokens, limits.pool_tokens()) - max_prompt_tokens;
  return std::max<int64_t>(1, std::min(preferred, room));
}

}  // namespace glyph::vlm
