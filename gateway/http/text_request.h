#pragma once
#include <string_view>

#include "absl/status/statusor.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// A text that shall become pages: {"text":...,"profile":...,"max_pages":...}, the body of
// POST /v1/render. INVALID_ARGUMENT naming every wrong field.
absl::StatusOr<v1::RenderPagesRequest> ParseTextRequest(std::string_view body);

// `status` of a call with such a request, its field renamed to that of the body.
absl::Status WithTextFields(const absl::Status& status);

}  // namespace glyph::gateway
