#include "gateway/http/error_object.h"

#include <vector>

#include "gateway/http/json_text.h"
#include "gmock/gmock.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Json ErrorOf(const HttpResponse& response) {
  return Json::parse(response.body, nullptr, false).value("error", Json::object());
}

TEST(ErrorObjectTest, NamesFieldReasonAndMessage) {
  const HttpResponse response =
      ErrorResponse(rpc::InvalidArgument("TOP_P_OUT_OF_RANGE", "top_p", "top_p is 2"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(response.headers, IsEmpty());
  EXPECT_EQ(ErrorOf(response), Json({{"message", "top_p is 2"},
                                     {"type", "invalid_request_error"},
                                     {"param", "top_p"},
                                     {"code", "top_p_out_of_range"}}));
}

TEST(ErrorObjectTest, SaysWhenToTryAgainInWholeSeconds) {
  const auto header = [](absl::Duration delay) {
    return ErrorResponse(rpc::Unavailable("X", delay, "m")).headers;
  };
  EXPECT_THAT(header(absl::Milliseconds(1)), ElementsAre(Pair("Retry-After", "1")));
  EXPECT_THAT(header(absl::Milliseconds(1500)), ElementsAre(Pair("Retry-After", "2")));
}

TEST(ErrorObjectTest, GivesEachCodeItsStatusAndType) {
  struct Row {
    absl::StatusCode code;
    int status;
    const char* type;
  };
  const std::vector<Row> rows = {
      {absl::StatusCode::kInvalidArgument, 400, "invalid_request_error"},
      {absl::StatusCode::kOutOfRange, 400, "invalid_request_error"},
      {absl::StatusCode::kFailedPrecondition, 400, "invalid_request_error"},
      {absl::StatusCode::kResourceExhausted, 400, "invalid_request_error"},
      {absl::StatusCode::kUnauthenticated, 401, "authentication_error"},
      {absl::StatusCode::kPermissionDenied, 403, "permission_error"},
      {absl::StatusCode::kNotFound, 404, "invalid_request_error"},
      {absl::StatusCode::kAborted, 408, "invalid_request_error"},
      {absl::StatusCode::kAlreadyExists, 409, "invalid_request_error"},
      {absl::StatusCode::kCancelled, 499, "invalid_request_error"},
      {absl::StatusCode::kInternal, 500, "server_error"},
      {absl::StatusCode::kUnknown, 500, "server_error"},
      {absl::StatusCode::kDataLoss, 500, "server_error"},
      {absl::StatusCode::kUnimplemented, 501, "server_error"},
      {absl::StatusCode::kUnavailable, 503, "server_error"},
      {absl::StatusCode::kDeadlineExceeded, 504, "server_error"},
  };
  for (const Row& row : rows) {
    const HttpResponse response = ErrorResponse(
        rpc::MakeError(row.code, {.reason = "R", .field = "", .retry_after = {}}, "m"));
    EXPECT_EQ(response.status, row.status) << row.code;
    EXPECT_EQ(ErrorOf(response)["type"], row.type) << row.code;
  }
  EXPECT_EQ(ErrorResponse(rpc::ResourceExhausted("R", absl::Seconds(1), "m")).status, 429);
  EXPECT_EQ(ErrorResponse(rpc::InvalidArgument("INPUT_TOO_LARGE", "text", "m")).status, 413);
}

TEST(ErrorObjectTest, KeepsToItselfWhatIsNotMeantForClients) {
  const HttpResponse response = ErrorResponse(absl::InvalidArgumentError("at 0x7ffe in /src/a.cc"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(ErrorOf(response)["code"], "internal");
  EXPECT_THAT(response.body, ::testing::Not(::testing::HasSubstr("0x")));
}

}  // namespace
}  // namespace glyph::gateway
