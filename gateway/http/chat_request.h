#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// The body of POST /v1/chat/completions, understood. `ask` is valid and has no id.
struct ChatRequest {
  std::string model;  // empty: whichever is served
  bool stream = false;
  bool include_usage = false;  // in the stream
  v1::AskRequest ask;
  std::vector<std::string> part_paths;  // where each part of `ask` stands in the body
};

// INVALID_ARGUMENT naming every wrong field by its path in the body
// ("messages[0].content[1].text").
absl::StatusOr<ChatRequest> ParseChatRequest(std::string_view body);

// `status` of a call with `request.ask`, its fields renamed to those of the body.
absl::Status WithChatFields(const absl::Status& status, const ChatRequest& request);

}  // namespace glyph::gateway
