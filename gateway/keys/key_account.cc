#include "gateway/keys/key_account.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

KeyAccount::KeyAccount(std::string name, const KeyLimits& limits, SteadyClock now,
                       KeyMetrics& metrics)
    : name_(std::move(name)),
      now_(std::move(now)),
      metrics_(metrics),
      max_in_flight_(limits.in_flight),
      requests_(limits.requests_per_minute, now_()),
      tokens_(limits.tokens_per_minute, now_()) {}

absl::StatusOr<KeyAccount::Use> KeyAccount::Begin() {
  const SteadyTime now = now_();
  base::MutexLock lock(mutex_);
  if (max_in_flight_ > 0 && num_in_flight_ >= max_in_flight_) {
    return Refuse("in_flight",
                  absl::StrCat("has ", num_in_flight_, " requests in flight, its limit is ",
                               max_in_flight_, "; wait for one to end"),
                  absl::Seconds(1));
  }
  if (const absl::Duration wait = requests_.UntilOne(now); wait > absl::ZeroDuration()) {
    return Refuse("requests",
                  absl::StrCat("has sent the ", requests_.per_minute(),
                               " requests it may send a minute; try again later"),
                  wait);
  }
  if (const absl::Duration wait = tokens_.UntilOne(now); wait > absl::ZeroDuration()) {
    return Refuse("tokens",
                  absl::StrCat("has used the ", tokens_.per_minute(),
                               " tokens it may use a minute; try again later"),
                  wait);
  }
  requests_.Spend(1, now);
  ++num_in_flight_;
  return Use(this, Leave{shared_from_this()});
}

absl::Status KeyAccount::Refuse(const char* limit, const std::string& why,
                                absl::Duration retry_after) {
  metrics_.CountRefusal(name_, limit);
  return rpc::ResourceExhausted("KEY_QUOTA", retry_after,
                                absl::StrCat("the key ", name_, " ", why));
}

void KeyAccount::SpendTokens(int64_t count) {
  base::MutexLock lock(mutex_);
  tokens_.Spend(count, now_());
}

void KeyAccount::SetLimits(const KeyLimits& limits) {
  const SteadyTime now = now_();
  base::MutexLock lock(mutex_);
  max_in_flight_ = limits.in_flight;
  requests_.SetPerMinute(limits.requests_per_minute, now);
  tokens_.SetPerMinute(limits.tokens_per_minute, now);
}

void KeyAccount::End() {
  base::MutexLock lock(mutex_);
  --num_in_flight_;
}

}  // namespace glyph::gateway
