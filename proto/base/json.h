#pragma once
#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

namespace glyph::base {

struct JsonLimits {
  size_t max_bytes = 1 << 20;
  int max_depth = 64;  // of nested objects and arrays
  size_t max_values =
      10 << 20;  // objects, arrays, strings, numbers, ...: each costs 16 bytes or more
};

// Parses untrusted JSON without ever building a tree deeper or larger than the limits. No
// exceptions. INVALID_ARGUMENT: not JSON (byte offset), too deep, too large, duplicate key,
// trailing data.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {});

}  // namespace glyph::base
