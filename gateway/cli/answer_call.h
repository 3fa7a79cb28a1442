#pragma once
#include <functional>

#include "glyph/v1/gateway.grpc.pb.h"
#include "grpcpp/support/status.h"

namespace glyph::gateway::cli {

class Interrupts;

// Asks, gives every event to `on_event` as it comes, and returns how the call ended. Inputs of more
// than 16 MiB go in chunks (AskStream). An interrupt cancels the call, and so does a stdout
// that cannot be written.
grpc::Status StreamAnswer(v1::GlyphService::Stub& stub, v1::AskRequest request,
                          Interrupts& interrupts,
                          const std::function<void(const v1::AskResponse&)>& on_event);

}  // namespace glyph::gateway::cli
