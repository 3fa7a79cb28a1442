#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

// Errors every layer can make without seeing protobuf: an absl::Status whose payloads carry what
// google.rpc.ErrorInfo, BadRequest and RetryInfo need. status_conversion turns them into these.
//   return rpc::InvalidArgument("TEMPERATURE_OUT_OF_RANGE", "generation.temperature",
//                               absl::StrCat("temperature is ", t, "; it must lie in [0, 2]"));
namespace glyph::rpc {

struct ErrorDetails {
  std::string reason;  // UPPER_SNAKE, stable: clients switch on it
  std::string field;   // proto path of the offending field; empty when none
  std::optional<absl::Duration> retry_after;
};

// An error of `code` whose message says what, value, limit and what to do. Never document text.
absl::Status MakeError(absl::StatusCode code, ErrorDetails details, std::string_view message);

// MakeError(kInvalidArgument, {reason, field}, message).
absl::Status InvalidArgument(std::string_view reason, std::string_view field,
                             std::string_view message);

// One wrong field of a request.
struct FieldViolation {
  std::string field;        // proto path
  std::string reason;       // UPPER_SNAKE
  std::string description;  // what + value + limit + what to do
};

// INVALID_ARGUMENT for all wrong fields at once (at least one; those beyond 20 are dropped).
// Reason, field and message are those of the first; the message counts the others (trailers are
// bounded).
absl::Status InvalidArgument(std::vector<FieldViolation> violations);

// MakeError(kUnavailable / kResourceExhausted, {reason, "", retry_after}, message).
absl::Status Unavailable(std::string_view reason, absl::Duration retry_after,
                         std::string_view message);
absl::Status ResourceExhausted(std::string_view reason, absl::Duration retry_after,
                               std::string_view message);

// The details `status` carries; empty strings where it carries none.
ErrorDetails GetErrorDetails(const absl::Status& status);

// Attaches `violations` to `status`; does nothing when there are none.
void SetFieldViolations(absl::Status& status, const std::vector<FieldViolation>& violations);

// Every wrong field `status` names; empty when it names none.
std::vector<FieldViolation> GetFieldViolations(const absl::Status& status);

}  // namespace glyph::rpc

#define GLYPH_CONCAT_INNER(a, b) a##b
#define GLYPH_CONCAT(a, b) GLYPH_CONCAT_INNER(a, b)

// Returns from the function when `expression`, an absl::Status, is an error.
#define GLYPH_RETURN_IF_ERROR(expression)                                 \
  do {                                                                    \
    if (absl::Status glyph_status_ = (expression); !glyph_status_.ok()) { \
      return glyph_status_;                                               \
    }                                                                     \
  } while (false)

// GLYPH_ASSIGN_OR_RETURN(auto value, StatusOrExpression());
#define GLYPH_ASSIGN_OR_RETURN(lhs, expression) \
  GLYPH_ASSIGN_OR_RETURN_IMPL(GLYPH_CONCAT(glyph_status_or_, __LINE__), lhs, expression)
#define GLYPH_ASSIGN_OR_RETURN_IMPL(result, lhs, expression) \
  auto result = (expression);                                \
  if (!result.ok()) {                                        \
    return std::move(result).status();                       \
  }                                                          \
  lhs = *std::move(result)
