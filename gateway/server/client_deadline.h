#pragma once
#include <chrono>

#include "absl/time/time.h"
#include "grpcpp/server_context.h"

namespace glyph::gateway {

// The deadline the client set; InfiniteFuture when it set none.
inline absl::Time ClientDeadline(const grpc::ServerContextBase& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return absl::FromChrono(deadline);
}

}  // namespace glyph::gateway
