#include "gateway/routing/outage.h"

#include <algorithm>
#include <utility>

namespace glyph::gateway {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(50);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

}  // namespace

Outage::Outage(const Recovery& recovery, Upstream upstream, absl::Time deadline)
    : recovery_(recovery), upstream_(upstream), deadline_(deadline) {}

bool Outage::TryAgain(bool resumed, std::function<void(bool)> again) {
  const absl::Time now = recovery_.now();
  if (give_up_ == absl::InfiniteFuture()) {
    give_up_ = std::min(now + recovery_.patience, deadline_);
    pause_ = kFirstPause;
  }
  if (now + pause_ >= give_up_) return false;
  recovery_.metrics.CountRetry(UpstreamName(upstream_), resumed);
  recovery_.timer.At(now + std::exchange(pause_, std::min(pause_ * 2, kLongestPause)),
                     [&readiness = recovery_.readiness, upstream = upstream_, give_up = give_up_,
                      again = std::move(again)] { readiness.WhenReady(upstream, give_up, again); });
  return true;
}

}  // namespace glyph::gateway
