#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "render_service/images/image_decoder.h"

// One decoder a format, for DecodeImage only. `file` begins with the format's signature. Once
// `is_cancelled` is true they end soon, with whatever they have.
namespace glyph::render {

absl::StatusOr<DecodedImage> DecodePng(std::string_view file,
                                       const std::atomic<bool>& is_cancelled);
absl::StatusOr<DecodedImage> DecodeJpeg(std::string_view file,
                                        const std::atomic<bool>& is_cancelled);
absl::StatusOr<DecodedImage> DecodeWebp(std::string_view file,
                                        const std::atomic<bool>& is_cancelled);

// IMAGE_TOO_LARGE unless both sides and their product are within the limits.
absl::Status CheckImageSize(int64_t width_px, int64_t height_px);

// IMAGE_CORRUPT.
absl::Status CorruptImage();

// An image of the given size with uninitialised content; the size has been checked.
DecodedImage MakeImage(int64_t width_px, int64_t height_px);

}  // namespace glyph::render
