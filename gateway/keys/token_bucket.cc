#include "gateway/keys/token_bucket.h"

#include <algorithm>

namespace glyph::gateway {
namespace {

constexpr int64_t kMillisPerMinute = 60'000;
constexpr int64_t kMaxElapsedMillis = 1'000'000'000;  // 11 days; more would overflow

}  // namespace

TokenBucket::TokenBucket(int64_t per_minute, SteadyTime now)
    : per_minute_(per_minute), balance_(capacity()), refilled_(now) {}

int64_t TokenBucket::capacity() const { return per_minute_ * kMillisPerMinute; }

void TokenBucket::Refill(SteadyTime now) {
  const auto elapsed = std::chrono::floor<std::chrono::milliseconds>(now - refilled_);
  if (elapsed.count() <= 0) return;
  refilled_ += elapsed;
  const int64_t millis = std::min<int64_t>(elapsed.count(), kMaxElapsedMillis);
  balance_ = std::min(balance_ + millis * per_minute_, capacity());
}

absl::Duration TokenBucket::UntilOne(SteadyTime now) {
  Refill(now);
  const int64_t missing = kMillisPerMinute - balance_;
  if (per_minute_ == 0 || missing <= 0) return absl::ZeroDuration();
  return absl::Milliseconds((missing + per_minute_ - 1) / per_minute_);
}

void TokenBucket::Spend(int64_t count, SteadyTime now) {
  if (per_minute_ == 0) return;
  Refill(now);
  balance_ = std::min(balance_ - count * kMillisPerMinute, capacity());
}

void TokenBucket::SetPerMinute(int64_t per_minute, SteadyTime now) {
  Refill(now);
  const int64_t spent = per_minute_ == 0 ? 0 : capacity() - balance_;
  per_minute_ = per_minute;
  balance_ = capacity() - spent;
}

}  // namespace glyph::gateway
