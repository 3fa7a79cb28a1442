#pragma once
#include <string>

#include "absl/status/status.h"
#include "gateway/http/http_message.h"

// Errors as OpenAI's clients read them: {"error":{"message","type","param","code"}}.
namespace glyph::gateway {

// `status`, an error, as an answer: HTTP status by code and reason, Retry-After where trying again
// helps, WWW-Authenticate where a key does, the reason in lower case as `code`, the first wrong
// field as `param`.
HttpResponse ErrorResponse(const absl::Status& status);

// The same object alone, for an answer that has begun.
std::string ErrorObject(const absl::Status& status);

// An error that HTTP itself has no absl code for. `code`: lower_snake.
HttpResponse ErrorResponse(int status, const std::string& code, const std::string& message);

}  // namespace glyph::gateway
