#pragma once
#include "google/protobuf/message.h"

namespace glyph::gateway::cli {

// Prints `message` as one line of JSON on stdout, field names as in the proto, zeros included,
// bytes as base64.
void PrintJsonLine(const google::protobuf::Message& message);

}  // namespace glyph::gateway::cli
