#pragma once
#include <string>
#include <vector>

#include "nlohmann/json_fwd.hpp"
#include "proto/rpc/error.h"

namespace glyph::gateway {

// One piece of a conversation, in order.
struct ChatPiece {
  enum class Kind { kText, kDocument, kImage };
  Kind kind = Kind::kText;
  std::string bytes;    // UTF-8 text, or the image's file
  std::string path;     // where it stands in the request: "messages[0].content[1].text"
  bool is_user = true;  // said by the user, so that it may be drawn; else a label or another role
};

// The pieces of `messages`, the array of a chat request. The model reads one turn of a user, so the
// conversation becomes one: a blank line between messages and, when the assistant has spoken, the
// name of the speaker before each. Wrong fields go to `violations`.
std::vector<ChatPiece> ReadChatMessages(const nlohmann::json& messages,
                                        std::vector<rpc::FieldViolation>& violations);

}  // namespace glyph::gateway
