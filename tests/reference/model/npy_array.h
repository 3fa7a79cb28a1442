#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace glyph::vlm {

// All values of a NumPy file of int32. NOT_FOUND: it cannot be read; INVALID_ARGUMENT: it is no
// such array.
absl::StatusOr<std::vector<int32_t>> ReadInts(const std::filesystem::path& file);

// Writes a NumPy array of `shape`, a value for each place, and the folders above it. UNAVAILABLE
// when it cannot be written.
absl::Status WriteArray(const std::filesystem::path& file, std::span<const int64_t> shape,
                        std::span<const float> values);
absl::Status WriteArray(const std::filesystem::path& file, std::span<const int64_t> shape,
                        std::span<const int32_t> values);

}  // namespace glyph::vlm
