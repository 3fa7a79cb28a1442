#pragma once
#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "gateway/http/json_fields.h"
#include "glyph/v1/render.pb.h"
#include "nlohmann/json_fwd.hpp"

namespace glyph::gateway {

// Largest request body, bytes: 16 MiB of image in base64, or of text with its escapes.
inline constexpr size_t kMaxRequestBodyBytes = 24 << 20;

// The JSON object a request carries. INVALID_ARGUMENT: not JSON, not an object, nested deeper than
// 32, or more than 100,000 values.
absl::StatusOr<nlohmann::json> ParseRequestBody(std::string_view body);

// Reads `profile` and `max_pages` of `fields`.
void ReadRenderOptions(const JsonFields& fields, v1::RenderOptions& options);

}  // namespace glyph::gateway
