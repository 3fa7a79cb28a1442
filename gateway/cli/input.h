#pragma once
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace glyph::gateway::cli {

inline constexpr size_t kMaxInputBytes = 16 << 20;  // of a document or image (gateway.proto)

// Reads a file, or stdin when `path` is "-". Never reads more than `max_bytes` + 1. NOT_FOUND: it
// cannot be read (missing, a directory, no permission). INVALID_ARGUMENT: longer than `max_bytes`.
absl::StatusOr<std::string> ReadInput(const std::string& path, size_t max_bytes);

// True when something was piped or redirected into stdin.
bool StdinIsPiped();

}  // namespace glyph::gateway::cli
