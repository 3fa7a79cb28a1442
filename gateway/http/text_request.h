#pragma once
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "gateway/http/api_services.h"
#include "gateway/http/http_call.h"
#include "gateway/routing/render_relay.h"

namespace glyph::gateway {

// A text that shall become pages: {"text":...,"profile":...,"max_pages":...}, the body of
// POST /v1/render and /v1/estimate. INVALID_ARGUMENT naming every wrong field.
absl::StatusOr<v1::RenderPagesRequest> ParseTextRequest(std::string_view body);

// `status` of a call with such a request, its field renamed to that of the body.
absl::Status WithTextFields(const absl::Status& status);

// Parses such requests and hands good ones to `start`; others are answered. `services` outlives it.
HttpStarter TextStarter(
    const ApiServices& services,
    std::function<std::shared_ptr<HttpCall>(RenderRelay::Job job, std::shared_ptr<HttpReply> reply)>
        start);

}  // namespace glyph::gateway
