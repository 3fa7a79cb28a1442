#include "gateway/keys/key_ring.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

// The key of a header; empty when it holds none.
std::string_view BearerKey(std::string_view authorization) {
  constexpr absl::string_view kScheme = "bearer ";
  absl::string_view value(authorization.data(), authorization.size());
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return {};
  value = absl::StripAsciiWhitespace(value.substr(kScheme.size()));
  return {value.data(), value.size()};
}

absl::Status Unauthenticated(const char* reason, std::string_view message) {
  return rpc::MakeError(absl::StatusCode::kUnauthenticated,
                        {.reason = reason, .field = "", .retry_after = {}}, message);
}

}  // namespace

bool EqualInConstantTime(const base::Sha256Digest& a, const base::Sha256Digest& b) {
  volatile uint8_t difference = 0;  // so that no compiler leaves the loop early
  for (size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

KeyRing::KeyRing(SteadyClock now, KeyMetrics& metrics) : now_(std::move(now)), metrics_(metrics) {}

void KeyRing::SetKeys(const std::vector<KeyEntry>& entries) {
  base::MutexLock lock(mutex_);
  std::map<std::string, Caller> accounts;
  if (keys_ != nullptr) {
    for (const Key& key : *keys_) accounts[key.account->name()] = key.account;
  }
  auto keys = std::make_shared<Keys>();
  for (const KeyEntry& entry : entries) {
    Caller& account = accounts[entry.name];
    if (account == nullptr) {
      account = std::make_shared<KeyAccount>(entry.name, entry.limits, now_, metrics_);
    } else {
      account->SetLimits(entry.limits);
    }
    keys->push_back({entry.digest, account});
  }
  keys_ = std::move(keys);
}

absl::StatusOr<Caller> KeyRing::Authenticate(const std::vector<std::string_view>& authorization) {
  std::shared_ptr<const Keys> keys;
  {
    base::MutexLock lock(mutex_);
    keys = keys_;
  }
  if (keys == nullptr) return Caller();
  const std::string_view sent = authorization.empty() ? "" : BearerKey(authorization.front());
  if (sent.empty()) {
    metrics_.CountRefusal("", "missing");
    return Unauthenticated("KEY_MISSING",
                           "this gateway asks for a key; send it as Authorization: Bearer KEY");
  }
  const base::Sha256Digest digest = base::Sha256().Update(sent).Finish();
  Caller caller;
  for (const Key& key : *keys) {  // all of them
    if (EqualInConstantTime(key.digest, digest)) caller = key.account;
  }
  if (caller == nullptr || authorization.size() != 1) {
    metrics_.CountRefusal("", "unknown");
    return Unauthenticated(
        "KEY_UNKNOWN",
        "the key is not one of this gateway's; ask whoever runs it for one, and send it once");
  }
  return caller;
}

}  // namespace glyph::gateway
