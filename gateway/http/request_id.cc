#include "gateway/http/request_id.h"

#include <algorithm>
#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace glyph::gateway {

std::string RequestIdFor(std::string_view wanted) {
  constexpr size_t kMaxBytes = 128;
  const bool is_printable =
      std::all_of(wanted.begin(), wanted.end(), [](char c) { return c > 0x20 && c <= 0x7e; });
  if (!wanted.empty() && wanted.size() <= kMaxBytes && is_printable) return std::string(wanted);
  thread_local absl::BitGen random;
  return absl::StrCat("req-", absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

}  // namespace glyph::gateway
