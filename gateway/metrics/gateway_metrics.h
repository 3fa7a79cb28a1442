#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace glyph::gateway {

// The series the gateway counts itself (README.md, "Metrics"). The registry outlives it.
// Thread-safe.
//   prometheus::Registry registry;
//   GatewayMetrics metrics(registry);
//   metrics.CountRequest(absl::StatusCode::kOk);
class GatewayMetrics {
 public:
  explicit GatewayMetrics(prometheus::Registry& registry);
  GatewayMetrics(const GatewayMetrics&) = delete;
  GatewayMetrics& operator=(const GatewayMetrics&) = delete;

  // A call that draws, asks or estimates ended; each is counted exactly once.
  void CountRequest(absl::StatusCode outcome);
  // A call to `service` that broke is made again; `resumed`: from where it broke.
  void CountRetry(const std::string& service, bool resumed);
  void SetRequestsInFlight(int64_t num_requests);

  // From the arrival of the request to its first token.
  void ObserveFirstToken(absl::Duration latency);
  // `num_tokens` tokens arrived together, `gap` after those before them: each counts gap /
  // num_tokens.
  void ObserveInterToken(absl::Duration gap, int64_t num_tokens);

  void AddPages(int64_t num_pages);
  void AddVisualTokens(int64_t num_tokens);
  void AddCharacters(int64_t num_characters);
  void AddOutputTokens(int64_t num_tokens);

 private:
  static constexpr int kNumCodes = 17;  // absl::StatusCode kOk to kUnauthenticated

  std::array<prometheus::Counter*, kNumCodes> requests_;  // indexed by code
  prometheus::Family<prometheus::Counter>& retries_;
  prometheus::Gauge* in_flight_;
  prometheus::Histogram* first_token_;
  prometheus::Histogram* inter_token_;
  prometheus::Counter* pages_;
  prometheus::Counter* visual_tokens_;
  prometheus::Counter* characters_;
  prometheus::Counter* output_tokens_;
};

}  // namespace glyph::gateway
