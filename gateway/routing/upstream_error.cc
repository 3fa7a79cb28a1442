#include "gateway/routing/upstream_error.h"

#include <functional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(1);

std::string Reason(Upstream upstream, const char* what) {
  return absl::StrCat(upstream == Upstream::kRender ? "RENDER_" : "VLM_", what);
}

absl::Status FromTransport(Upstream upstream, absl::StatusCode code) {
  const char* name = UpstreamName(upstream);
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:  // its server went away under the call
      return rpc::Unavailable(Reason(upstream, "UNAVAILABLE"), kRetryAfter,
                              absl::StrCat(name, " does not answer; try again in a moment"));
    case absl::StatusCode::kDeadlineExceeded:
      return rpc::MakeError(code, {.reason = "DEADLINE_EXCEEDED", .field = "", .retry_after = {}},
                            absl::StrCat(name,
                                         " did not finish before the deadline of the request; send "
                                         "less or allow more time"));
    default:
      return rpc::MakeError(absl::StatusCode::kInternal,
                            {.reason = Reason(upstream, "FAILED"), .field = "", .retry_after = {}},
                            absl::StrCat(name, " failed (", absl::StatusCodeToString(code),
                                         "); its log tells more under the id of the request"));
  }
}

absl::Status RenameFields(const absl::Status& status,
                          const std::function<std::string(absl::string_view)>& rename) {
  rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  if (details.field.empty()) return status;
  details.field = rename(details.field);
  std::vector<rpc::FieldViolation> violations = rpc::GetFieldViolations(status);
  for (rpc::FieldViolation& violation : violations) violation.field = rename(violation.field);
  absl::Status renamed = rpc::MakeError(
      status.code(), details, std::string_view(status.message().data(), status.message().size()));
  rpc::SetFieldViolations(renamed, violations);
  return renamed;
}

}  // namespace

absl::Status FromUpstream(Upstream upstream, const absl::Status& status) {
  if (status.ok()) return status;
  const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  if (details.reason.empty()) return FromTransport(upstream, status.code());
  if (status.code() == absl::StatusCode::kUnavailable && !details.retry_after) {
    return rpc::Unavailable(details.reason, kRetryAfter, std::string(status.message()));
  }
  return status;
}

bool UpstreamIsAway(const absl::Status& status) {
  const std::string reason = rpc::GetErrorDetails(status).reason;
  if (reason.empty()) return absl::IsUnavailable(status) || absl::IsCancelled(status);
  for (const char* away :
       {"DRAINING", "STOPPED", "EXECUTOR_FAILED", "RENDER_UNAVAILABLE", "VLM_UNAVAILABLE"}) {
    if (reason == away) return absl::IsUnavailable(status);
  }
  return false;
}

absl::Status ChangedError(Upstream upstream) {
  return rpc::Unavailable(Reason(upstream, "CHANGED"), kRetryAfter,
                          absl::StrCat(UpstreamName(upstream),
                                       " was replaced while it served this request, and the new "
                                       "one does not continue it; ask again"));
}

absl::Status ProtocolError(Upstream upstream, std::string_view what) {
  return rpc::MakeError(absl::StatusCode::kInternal,
                        {.reason = Reason(upstream, "PROTOCOL"), .field = "", .retry_after = {}},
                        absl::StrCat(UpstreamName(upstream), " broke the contract: ",
                                     absl::string_view(what.data(), what.size())));
}

absl::Status CancelledByClient() {
  return rpc::MakeError(absl::StatusCode::kCancelled,
                        {.reason = "CANCELLED", .field = "", .retry_after = {}},
                        "the client cancelled the request");
}

absl::Status SlowReader() {
  return rpc::MakeError(absl::StatusCode::kAborted,
                        {.reason = "SLOW_READER", .field = "", .retry_after = {}},
                        "the answer was not read for too long; read events as they come");
}

absl::Status WithRenderFields(const absl::Status& status, const std::string& source_path) {
  return RenameFields(status, [&source_path](absl::string_view field) {
    absl::ConsumePrefix(&field, "start.");
    if (absl::StartsWith(field, "render.")) return std::string(field);
    if (absl::ConsumePrefix(&field, "options.")) return absl::StrCat("render.", field);
    return source_path;
  });
}

absl::Status WithGenerateFields(const absl::Status& status, const std::string& source_path) {
  return RenameFields(status, [&source_path](absl::string_view field) {
    if (absl::StartsWith(field, "offer.") || absl::StartsWith(field, "strip.")) return source_path;
    absl::ConsumePrefix(&field, "start.");
    if (absl::ConsumePrefix(&field, "options.")) return absl::StrCat("generation.", field);
    return std::string(field);
  });
}

}  // namespace glyph::gateway
