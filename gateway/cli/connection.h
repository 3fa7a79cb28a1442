#pragma once
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "grpcpp/support/status.h"

namespace glyph::gateway::cli {

// A stub of the gateway at `server` (host:port) that sends `api_key`, unless it is empty, with
// every call. Returns at once.
std::unique_ptr<v1::GlyphService::Stub> Connect(const std::string& server,
                                                const std::string& api_key);

// How the call ended; when nothing answers at `server`, says so and what to do.
absl::Status CallStatus(const grpc::Status& status, const std::string& server);
absl::Status CallStatus(const absl::Status& status, const std::string& server);

}  // namespace glyph::gateway::cli
