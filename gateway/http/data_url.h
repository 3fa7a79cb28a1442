#pragma once
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace glyph::gateway {

// The bytes of "data:image/png;base64,...": a PNG, JPEG or WebP file. Nothing else is accepted,
// above all no address that would have to be fetched. INVALID_ARGUMENT without a field:
// IMAGE_URL_NOT_DATA, IMAGE_TYPE_UNSUPPORTED, IMAGE_NOT_BASE64.
absl::StatusOr<std::string> DecodeImageUrl(std::string_view url);

}  // namespace glyph::gateway
