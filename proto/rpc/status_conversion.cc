#include "proto/rpc/status_conversion.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/rpc/error.h"

namespace glyph::rpc {
namespace {

constexpr char kDomain[] = "glyph";

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

absl::Duration FromProto(const google::protobuf::Duration& proto) {
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ErrorDetails details = GetErrorDetails(status);
  const std::string message(status.message());
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(details.reason.empty() ? absl::StatusCodeToString(status.code())
                                         : details.reason);
  info.set_domain(kDomain);
  proto.add_details()->PackFrom(info);
  google::rpc::BadRequest bad_request;
  for (const FieldViolation& v : GetFieldViolations(status)) {
    auto* violation = bad_request.add_field_violations();
    violation->set_field(v.field);
    violation->set_reason(v.reason);
    violation->set_description(v.description);
  }
  if (bad_request.field_violations_size() > 0) proto.add_details()->PackFrom(bad_request);
  if (details.retry_after) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(*details.retry_after);
    proto.add_details()->PackFrom(retry);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      proto.SerializeAsString());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  ErrorDetails details;
  std::vector<FieldViolation> violations;
  google::rpc::Status proto;
  if (!status.error_details().empty() && proto.ParseFromString(status.error_details())) {
    for (const auto& any : proto.details()) {
      google::rpc::ErrorInfo info;
      google::rpc::BadRequest bad_request;
      google::rpc::RetryInfo retry;
      if (any.UnpackTo(&info)) {
        details.reason = info.reason();
      } else if (any.UnpackTo(&bad_request)) {
        for (const auto& v : bad_request.field_violations()) {
          violations.push_back({v.field(), v.reason(), v.description()});
        }
      } else if (any.UnpackTo(&retry)) {
        details.retry_after = FromProto(retry.retry_delay());
      }
    }
  }
  if (!violations.empty()) details.field = violations.front().field;
  absl::Status result = MakeError(static_cast<absl::StatusCode>(status.error_code()), details,
                                  status.error_message());
  SetFieldViolations(result, violations);
  return result;
}

}  // namespace glyph::rpc
