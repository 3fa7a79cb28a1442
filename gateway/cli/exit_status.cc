#include "gateway/cli/exit_status.h"

#include <sysexits.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

// What failed; of several wrong fields, all.
std::string Why(const absl::Status& status) {
  if (absl::IsCancelled(status)) return "cancelled";
  const std::vector<rpc::FieldViolation> violations = rpc::GetFieldViolations(status);
  if (violations.size() < 2) return std::string(status.message());
  return absl::StrJoin(violations, "; also: ", [](std::string* out, const auto& violation) {
    out->append(violation.description);
  });
}

}  // namespace

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return EX_OK;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    case absl::StatusCode::kNotFound:
      return EX_NOINPUT;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
      return EX_DATAERR;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      return EX_UNAVAILABLE;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return EX_NOPERM;
    default:
      return EX_SOFTWARE;
  }
}

int Report(const absl::Status& status) {
  if (status.ok()) return EX_OK;
  if (std::ferror(stdout) != 0) return EX_IOERR;
  const std::string reason = rpc::GetErrorDetails(status).reason;
  std::string line = absl::StrCat("glyph: ", Why(status));
  if (!reason.empty()) absl::StrAppend(&line, " [", reason, "]");
  std::fprintf(stderr, "%s\n", absl::StrReplaceAll(line, {{"\n", " "}}).c_str());
  return ExitCode(status);
}

}  // namespace glyph::gateway::cli
