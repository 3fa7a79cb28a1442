#pragma once
#include "absl/status/statusor.h"
#include "gateway/keys/key_ring.h"
#include "grpcpp/server_context.h"

namespace glyph::gateway {

// Whose call it is, by its metadata `authorization: Bearer KEY`. Errors as KeyRing::Authenticate.
absl::StatusOr<Caller> CallerOf(KeyRing& keys, const grpc::ServerContextBase& context);

}  // namespace glyph::gateway
