#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/keys/key_file.h"
#include "gateway/keys/key_metrics.h"
#include "gateway/keys/token_bucket.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// One key while the gateway runs: its limits and what was used of them. Thread-safe.
class KeyAccount : public std::enable_shared_from_this<KeyAccount> {
 private:
  struct Leave {
    std::shared_ptr<KeyAccount> account;
    void operator()(KeyAccount* /*account*/) const { account->End(); }
  };

 public:
  // A request being answered; it ends when this goes.
  using Use = std::unique_ptr<KeyAccount, Leave>;

  // `metrics` outlives the account.
  KeyAccount(std::string name, const KeyLimits& limits, SteadyClock now, KeyMetrics& metrics);

  // Lets one request in and counts it. RESOURCE_EXHAUSTED (KEY_QUOTA, with a retry delay) when a
  // limit is reached; then nothing is counted but the refusal.
  absl::StatusOr<Use> Begin() GLYPH_EXCLUDES(mutex_);

  // Prompts and answers took `count` tokens more; -count gives back what was counted too much.
  void SpendTokens(int64_t count) GLYPH_EXCLUDES(mutex_);

  // New limits; what was used stays used.
  void SetLimits(const KeyLimits& limits) GLYPH_EXCLUDES(mutex_);

  const std::string& name() const { return name_; }

 private:
  void End() GLYPH_EXCLUDES(mutex_);
  absl::Status Refuse(const char* limit, const std::string& why, absl::Duration retry_after);

  const std::string name_;
  const SteadyClock now_;
  KeyMetrics& metrics_;
  base::Mutex mutex_;
  int64_t max_in_flight_ GLYPH_GUARDED_BY(mutex_);  // 0: without limit
  int64_t num_in_flight_ GLYPH_GUARDED_BY(mutex_) = 0;
  TokenBucket requests_ GLYPH_GUARDED_BY(mutex_);
  TokenBucket tokens_ GLYPH_GUARDED_BY(mutex_);
};

// Whose request it is; null where no key is needed.
using Caller = std::shared_ptr<KeyAccount>;

}  // namespace glyph::gateway
