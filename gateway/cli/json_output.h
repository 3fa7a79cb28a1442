#pragma once
#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace glyph::gateway::cli {

// Prints `message` as one line of JSON on stdout, field names as in the proto, zeros included,
// bytes as base64.
void PrintJsonLine(const google::protobuf::Message& message);

// Likewise; bytes that are not UTF-8 are replaced.
void PrintJsonLine(const nlohmann::ordered_json& value);

}  // namespace glyph::gateway::cli
