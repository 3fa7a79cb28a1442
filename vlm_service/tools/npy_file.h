#pragma once
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace glyph::vlm {

// Writes rows of equal length as a NumPy array, float32 [rows, columns]. UNAVAILABLE when the file
// cannot be written.
absl::Status WriteNpy(const std::string& file, const std::vector<std::vector<float>>& rows);

}  // namespace glyph::vlm
