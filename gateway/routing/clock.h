#pragma once
#include <functional>

#include "absl/time/time.h"

namespace glyph::gateway {

// absl::Now, or a test's clock.
using Clock = std::function<absl::Time()>;

// When a request without a deadline ends.
inline constexpr absl::Duration kDefaultDeadline = absl::Minutes(10);

// The deadline of the calls behind a request: 5 % of what is left stays with the gateway, so that
// its client hears our error rather than its own timer. `client_deadline` InfiniteFuture: the
// default.
inline absl::Time UpstreamDeadline(absl::Time now, absl::Time client_deadline) {
  if (client_deadline == absl::InfiniteFuture()) return now + kDefaultDeadline;
  return now + (client_deadline - now) * 0.95;
}

}  // namespace glyph::gateway
