#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/base/sha256.h"

// The file that says who may ask (README.md has its format). It holds hashes, never keys.
namespace glyph::gateway {

inline constexpr size_t kMaxKeyFileBytes = 1 << 20;
inline constexpr size_t kMaxKeys = 1000;
inline constexpr size_t kMaxKeyNameBytes = 64;
inline constexpr int64_t kMaxInFlight = 10'000;
inline constexpr int64_t kMaxRequestsPerMinute = 1'000'000;
inline constexpr int64_t kMaxTokensPerMinute = 1'000'000'000;

// What one key may use; 0: without limit.
struct KeyLimits {
  int64_t in_flight = 0;            // requests being answered at once
  int64_t requests_per_minute = 0;  // that are admitted
  int64_t tokens_per_minute = 0;    // of prompts and answers
};

// One line of the file.
struct KeyEntry {
  std::string name;
  base::Sha256Digest digest;  // of the key
  KeyLimits limits;
};

// FAILED_PRECONDITION (KEY_FILE_INVALID): the first line that is wrong, and what to do. Nothing of
// a wrong line is repeated but numbers: somebody may have put a key there.
absl::StatusOr<std::vector<KeyEntry>> ParseKeyFile(std::string_view text);

// The bytes of `path`. NOT_FOUND (KEY_FILE_UNREADABLE): it cannot be read or is not a regular file.
// FAILED_PRECONDITION (KEY_FILE_INVALID): it is longer than kMaxKeyFileBytes, or everybody may
// write to it.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path);

}  // namespace glyph::gateway
