#include "proto/rpc/status_conversion.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"
#include "proto/rpc/server_runner.h"

namespace glyph::rpc {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status proto;
  EXPECT_TRUE(proto.ParseFromString(status.error_details()));
  return proto;
}

void ExpectSame(const absl::Status& actual, const absl::Status& expected) {
  EXPECT_EQ(actual.code(), expected.code());
  EXPECT_EQ(actual.message(), expected.message());
  EXPECT_EQ(GetErrorDetails(actual).reason, GetErrorDetails(expected).reason);
  EXPECT_EQ(GetErrorDetails(actual).field, GetErrorDetails(expected).field);
  EXPECT_EQ(GetErrorDetails(actual).retry_after, GetErrorDetails(expected).retry_after);
}

TEST(StatusConversionTest, OkIsOkBothWays) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(StatusConversionTest, EveryCodeKeepsItsNumberAndNamesAReason) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    const grpc::Status converted = ToGrpcStatus(status);
    EXPECT_EQ(converted.error_code(), code);
    EXPECT_EQ(converted.error_message(), "why");

    const google::rpc::Status proto = DetailsOf(converted);
    google::rpc::ErrorInfo info;
    ASSERT_EQ(proto.details_size(), 1);
    ASSERT_TRUE(proto.details(0).UnpackTo(&info));
    EXPECT_EQ(proto.code(), code);
    EXPECT_EQ(info.reason(), absl::StatusCodeToString(status.code()));
    EXPECT_EQ(info.domain(), "glyph");
    EXPECT_EQ(FromGrpcStatus(converted).code(), status.code());
  }
}

TEST(StatusConversionTest, FieldBecomesBadRequestAndRetryBecomesRetryInfo) {
  const grpc::Status status = ToGrpcStatus(MakeError(
      absl::StatusCode::kInvalidArgument,
      {.reason = "BAD", .field = "render.profile", .retry_after = absl::Milliseconds(2250)},
      "no such profile"));

  const google::rpc::Status proto = DetailsOf(status);
  google::rpc::BadRequest bad_request;
  google::rpc::RetryInfo retry;
  ASSERT_EQ(proto.details_size(), 3);
  ASSERT_TRUE(proto.details(1).UnpackTo(&bad_request));
  ASSERT_TRUE(proto.details(2).UnpackTo(&retry));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "render.profile");
  EXPECT_EQ(bad_request.field_violations(0).description(), "no such profile");
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 250000000);
}

TEST(StatusConversionTest, EveryWrongFieldSurvives) {
  const absl::Status error = InvalidArgument(std::vector<FieldViolation>{
      {"generation.top_p", "TOP_P_OUT_OF_RANGE", "top_p is 2; it must lie in (0, 1]"},
      {"parts", "PARTS_MISSING", "there are 0 parts; send 1 to 64"}});

  const absl::Status back = FromGrpcStatus(ToGrpcStatus(error));

  ExpectSame(back, error);
  const std::vector<FieldViolation> violations = GetFieldViolations(back);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].reason, "TOP_P_OUT_OF_RANGE");
  EXPECT_EQ(violations[1].field, "parts");
  EXPECT_EQ(violations[1].reason, "PARTS_MISSING");
  EXPECT_EQ(violations[1].description, "there are 0 parts; send 1 to 64");
}

TEST(StatusConversionTest, AStatusOfAnotherServerKeepsCodeAndMessage) {
  for (const char* details : {"", "not a proto \xFF"}) {
    const absl::Status status =
        FromGrpcStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone", details));
    EXPECT_EQ(status, absl::UnavailableError("gone"));
  }
}

// Answers GetStatus with the error it was given.
class FailingService : public glyph::v1::GlyphService::Service {
 public:
  explicit FailingService(absl::Status error) : error_(std::move(error)) {}
  grpc::Status GetStatus(grpc::ServerContext*, const glyph::v1::GetStatusRequest*,
                         glyph::v1::GetStatusResponse*) override {
    return ToGrpcStatus(error_);
  }

 private:
  const absl::Status error_;
};

TEST(StatusConversionTest, DetailsSurviveAChannel) {
  const absl::Status error = MakeError(
      absl::StatusCode::kResourceExhausted,
      {.reason = "QUEUE_FULL", .field = "parts[0].text", .retry_after = absl::Milliseconds(300)},
      "64 requests wait; the limit is 64: retry later. \xC3\xA9\xE2\x82\xAC");
  FailingService service(error);
  auto server = ServerRunner::Start({}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  auto stub = glyph::v1::GlyphService::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*server)->port()), grpc::InsecureChannelCredentials()));

  grpc::ClientContext context;
  glyph::v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(&context, {}, &response);

  ExpectSame(FromGrpcStatus(status), error);
}

}  // namespace
}  // namespace glyph::rpc
