#pragma once
#include <cstdint>

#include "absl/time/time.h"
#include "gateway/keys/steady_clock.h"

namespace glyph::gateway {

// A quota of so many a minute: full at first, spent by use, refilled steadily. Uses whose size is
// known only when they happened may overdraw it; the debt is refilled first. Exact: it counts
// whole milliseconds. Not thread-safe.
class TokenBucket {
 public:
  // `per_minute`: 1 to 1,000,000,000, or 0: without limit.
  TokenBucket(int64_t per_minute, SteadyTime now);

  // How long until one is left; zero when it is now.
  absl::Duration UntilOne(SteadyTime now);
  // Takes `count`, or gives -count back.
  void Spend(int64_t count, SteadyTime now);
  // A new quota; what was spent stays spent.
  void SetPerMinute(int64_t per_minute, SteadyTime now);

  int64_t per_minute() const { return per_minute_; }

 private:
  void Refill(SteadyTime now);
  int64_t capacity() const;

  int64_t per_minute_;
  int64_t balance_;  // times the milliseconds of a minute
  SteadyTime refilled_;
};

}  // namespace glyph::gateway
