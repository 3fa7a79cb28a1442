#pragma once
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "glyph/v1/gateway.grpc.pb.h"

namespace glyph::gateway::cli {

class Interrupts;

// How one call of a load went. Times count from the moment it was due, so that a late start is no
// excuse.
struct CallTimes {
  absl::Status status;
  double first_token_ms = 0;           // 0: no token came
  std::vector<double> inter_token_ms;  // tokens that come together share their gap
  double total_ms = 0;
  uint64_t output_tokens = 0;  // as the gateway counts them
};

struct LoadOptions {
  double requests_per_second = 1;  // above 0
  int num_requests = 20;           // at least 1
};

// Begins a call of `request` every 1 / rate seconds, whatever becomes of the earlier ones, and
// waits for all ends. An interrupt cancels those that run and begins no more, so that there may be
// fewer results.
std::vector<CallTimes> RunOpenLoop(v1::GlyphService::Stub& stub, const v1::AskRequest& request,
                                   const LoadOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
