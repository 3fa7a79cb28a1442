#include "proto/rpc/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace glyph::rpc {
namespace {

constexpr char kReasonUrl[] = "glyph/reason";
constexpr char kFieldUrl[] = "glyph/field";
constexpr char kRetryUrl[] = "glyph/retry_after_ms";
constexpr char kViolationsUrl[] = "glyph/field_violations";
// Neither occurs in a path, a reason or a description.
constexpr char kUnitSeparator[] = "\x1f";
constexpr char kRecordSeparator[] = "\x1e";
constexpr size_t kMaxViolations = 20;

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

absl::Status InvalidArgument(std::vector<FieldViolation> violations) {
  if (violations.size() > kMaxViolations) violations.resize(kMaxViolations);
  std::string message = violations.front().description;
  if (violations.size() > 1) {
    absl::StrAppend(&message, " (and ", violations.size() - 1, " more, see the details)");
  }
  absl::Status status =
      InvalidArgument(violations.front().reason, violations.front().field, message);
  SetFieldViolations(status, violations);
  return status;
}

void SetFieldViolations(absl::Status& status, const std::vector<FieldViolation>& violations) {
  std::string records;
  for (const FieldViolation& v : violations) {
    absl::StrAppend(&records, v.field, kUnitSeparator, v.reason, kUnitSeparator, v.description,
                    kRecordSeparator);
  }
  if (!records.empty()) status.SetPayload(kViolationsUrl, absl::Cord(records));
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

std::vector<FieldViolation> GetFieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const std::string records = Payload(status, kViolationsUrl);
  for (absl::string_view record : absl::StrSplit(records, kRecordSeparator, absl::SkipEmpty())) {
    const std::vector<std::string> units = absl::StrSplit(record, kUnitSeparator);
    if (units.size() == 3) violations.push_back({units[0], units[1], units[2]});
  }
  const ErrorDetails details = GetErrorDetails(status);
  if (violations.empty() && !details.field.empty()) {
    violations.push_back({details.field, details.reason, std::string(status.message())});
  }
  return violations;
}

}  // namespace glyph::rpc
