#include "gateway/http/error_object.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/http/json_text.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

int HttpStatusOf(const absl::Status& status, const rpc::ErrorDetails& details) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return details.reason == "INPUT_TOO_LARGE" ? 413 : 400;
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      // Without a delay it asks for more than there ever is: clients must not try again.
      return details.retry_after ? 429 : 400;
    case absl::StatusCode::kCancelled:
      return 499;  // nobody reads it
    case absl::StatusCode::kAborted:
      return 408;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

const char* TypeOf(int http_status) {
  switch (http_status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return http_status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string Object(int http_status, const std::string& code, const std::string& param,
                   std::string_view message) {
  Json error = {{"message", message}, {"type", TypeOf(http_status)}, {"param", nullptr}};
  if (!param.empty()) error["param"] = param;
  error["code"] = code;
  return JsonText({{"error", error}});
}

std::string Object(int http_status, const absl::Status& status, const rpc::ErrorDetails& details) {
  // What carries no reason of ours may tell what clients must not know.
  if (details.reason.empty()) {
    return Object(http_status, "internal", "", "the gateway failed; its log tells more");
  }
  const std::string message(status.message());
  return Object(http_status, absl::AsciiStrToLower(details.reason), details.field, message);
}

}  // namespace

HttpResponse ErrorResponse(const absl::Status& status) {
  const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  const int http_status = details.reason.empty() ? 500 : HttpStatusOf(status, details);
  HttpResponse response = {
      http_status, "application/json", Object(http_status, status, details), {}};
  if (http_status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (details.retry_after) {
    const double seconds = std::ceil(absl::ToDoubleSeconds(*details.retry_after));
    response.headers.emplace_back("Retry-After",
                                  absl::StrCat(std::max(1, static_cast<int>(seconds))));
  }
  return response;
}

std::string ErrorObject(const absl::Status& status) {
  const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  return Object(details.reason.empty() ? 500 : HttpStatusOf(status, details), status, details);
}

HttpResponse ErrorResponse(int status, const std::string& code, const std::string& message) {
  return {status, "application/json", Object(status, code, "", message), {}};
}

}  // namespace glyph::gateway
