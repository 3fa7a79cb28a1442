#include "proto/rpc/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace glyph::rpc {
namespace {

constexpr char kReasonUrl[] = "glyph/reason";
constexpr char kFieldUrl[] = "glyph/field";
constexpr char kRetryUrl[] = "glyph/retry_after_ms";

std::string Payload(const absl::Status& status, const char* url) {
  const auto payload = status.GetPayload(url);
  return payload ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, ErrorDetails details, std::string_view message) {
  absl::Status status(code, absl::string_view(message.data(), message.size()));
  if (!details.reason.empty()) status.SetPayload(kReasonUrl, absl::Cord(details.reason));
  if (!details.field.empty()) status.SetPayload(kFieldUrl, absl::Cord(details.field));
  if (details.retry_after) {
    status.SetPayload(kRetryUrl,
                      absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(*details.retry_after))));
  }
  return status;
}

absl::Status InvalidArgument(std::string_view reason, std::string_view field,
                             std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   {.reason = std::string(reason), .field = std::string(field), .retry_after = {}},
                   message);
}

absl::Status Unavailable(std::string_view reason, absl::Duration retry_after,
                         std::string_view message) {
  return MakeError(absl::StatusCode::kUnavailable,
                   {.reason = std::string(reason), .field = "", .retry_after = retry_after},
                   message);
}

absl::Status ResourceExhausted(std::string_view reason, absl::Duration retry_after,
                               std::string_view message) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   {.reason = std::string(reason), .field = "", .retry_after = retry_after},
                   message);
}

ErrorDetails GetErrorDetails(const absl::Status& status) {
  ErrorDetails details;
  details.reason = Payload(status, kReasonUrl);
  details.field = Payload(status, kFieldUrl);
  int64_t retry_ms = 0;
  if (absl::SimpleAtoi(Payload(status, kRetryUrl), &retry_ms)) {
    details.retry_after = absl::Milliseconds(retry_ms);
  }
  return details;
}

}  // namespace glyph::rpc
