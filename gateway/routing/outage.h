#pragma once
#include <functional>

#include "absl/time/time.h"
#include "gateway/metrics/gateway_metrics.h"
#include "gateway/routing/clock.h"
#include "gateway/routing/readiness.h"
#include "gateway/routing/timer.h"
#include "gateway/routing/upstream.h"

namespace glyph::gateway {

// What a request needs to outlast a service that goes away. All outlive the request.
struct Recovery {
  Readiness& readiness;
  Timer& timer;
  GatewayMetrics& metrics;
  Clock now;
  absl::Duration patience;  // with one outage (--upstream-wait); 0: nothing is tried again
};

// The patience of one request with one service: when what broke is tried again, and how long.
// An outage begins with the first break and ends with Progress. All tries of one outage lie within
// the patience and before the request's deadline, with pauses that double, so that a request which
// kills its service does not do so for ever. Not thread-safe.
class Outage {
 public:
  Outage(const Recovery& recovery, Upstream upstream, absl::Time deadline);

  // After a break that UpstreamIsAway (upstream_error.h). True: `again` runs once, on any thread,
  // when the service answers, or with false when patience ended before. False: it has ended.
  // `resumed`: the try will go on where the call broke.
  bool TryAgain(bool resumed, std::function<void(bool ready)> again);

  // Something came that had not come before.
  void Progress() { give_up_ = absl::InfiniteFuture(); }

 private:
  const Recovery recovery_;
  const Upstream upstream_;
  const absl::Time deadline_;
  absl::Time give_up_ = absl::InfiniteFuture();  // of the outage; InfiniteFuture: there is none
  absl::Duration pause_;                         // before the next try
};

}  // namespace glyph::gateway
