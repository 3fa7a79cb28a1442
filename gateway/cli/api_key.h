#pragma once
#include <string>

#include "absl/status/statusor.h"

namespace glyph::gateway::cli {

// The key to send: the one `file` holds (a line, at most 4 KiB), else that of the environment's
// GLYPH_API_KEY, else none (empty). Errors as ReadInput; INVALID_ARGUMENT for what cannot be a key.
absl::StatusOr<std::string> ReadApiKey(const std::string& file);

}  // namespace glyph::gateway::cli
