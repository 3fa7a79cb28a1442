#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/keys/key_account.h"
#include "gateway/keys/key_file.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Whether `a` and `b` are equal, in a time that does not tell where they differ.
bool EqualInConstantTime(const base::Sha256Digest& a, const base::Sha256Digest& b);

// The keys in force. Until the first SetKeys nobody needs one. Thread-safe.
class KeyRing {
 public:
  // `metrics` outlives the ring and its callers.
  KeyRing(SteadyClock now, KeyMetrics& metrics);

  // From now on these keys and no others let in. A key keeps its account as long as its name stays.
  void SetKeys(const std::vector<KeyEntry>& entries) GLYPH_EXCLUDES(mutex_);

  // Whose key came with a request. `authorization`: the values of all its headers (or metadata) of
  // that name; "Bearer KEY", once. UNAUTHENTICATED: KEY_MISSING or KEY_UNKNOWN. The time it takes
  // does not depend on which key is wrong, nor where.
  absl::StatusOr<Caller> Authenticate(const std::vector<std::string_view>& authorization)
      GLYPH_EXCLUDES(mutex_);

 private:
  struct Key {
    base::Sha256Digest digest;
    Caller account;
  };
  using Keys = std::vector<Key>;

  const SteadyClock now_;
  KeyMetrics& metrics_;
  base::Mutex mutex_;
  std::shared_ptr<const Keys> keys_ GLYPH_GUARDED_BY(mutex_);  // null: nobody needs one
};

}  // namespace glyph::gateway
