#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace glyph::render {

inline constexpr size_t kMaxImageBytes = 16 << 20;  // of the file
inline constexpr int kMaxImageSidePx = 16384;
inline constexpr int64_t kMaxImagePixels = 16 << 20;

inline const std::atomic<bool> kNeverCancelled = false;

struct DecodedImage {
  int width_px = 0;
  int height_px = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

// Decodes a PNG, JPEG or WebP file of unknown origin to the pixels PIL's `convert("RGB")` gives:
// alpha dropped, 16-bit gray clipped to 255, other 16-bit samples cut to their high byte, EXIF
// orientation, gamma and colour profiles ignored. Sizes are checked before memory is taken.
// INVALID_ARGUMENT on image.data: INPUT_TOO_LARGE, IMAGE_TOO_LARGE (sides and limits in the
// message), IMAGE_UNSUPPORTED (another format, animated WebP), IMAGE_CORRUPT. CANCELLED soon after
// `is_cancelled` has become true, at the next few rows.
absl::StatusOr<DecodedImage> DecodeImage(std::string_view file,
                                         const std::atomic<bool>& is_cancelled = kNeverCancelled);

}  // namespace glyph::render
