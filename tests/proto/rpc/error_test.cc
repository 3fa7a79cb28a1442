#include "proto/rpc/error.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace glyph::rpc {
namespace {

TEST(ErrorTest, CarriesReasonFieldAndRetry) {
  const absl::Status status = MakeError(
      absl::StatusCode::kAborted,
      {.reason = "TORN", .field = "a.b", .retry_after = absl::Milliseconds(1500)}, "it tore");
  const ErrorDetails details = GetErrorDetails(status);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "it tore");
  EXPECT_EQ(details.reason, "TORN");
  EXPECT_EQ(details.field, "a.b");
  EXPECT_EQ(details.retry_after, absl::Milliseconds(1500));
}

TEST(ErrorTest, ShorthandsSetTheirCodes) {
  const absl::Status invalid = InvalidArgument("BAD", "x", "bad x");
  EXPECT_EQ(invalid.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetails(invalid).field, "x");
  EXPECT_FALSE(GetErrorDetails(invalid).retry_after.has_value());

  const absl::Status unavailable = Unavailable("DRAINING", absl::Seconds(2), "later");
  EXPECT_EQ(unavailable.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorDetails(unavailable).retry_after, absl::Seconds(2));

  const absl::Status full = ResourceExhausted("QUEUE_FULL", absl::ZeroDuration(), "full");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetErrorDetails(full).retry_after, absl::ZeroDuration());
}

TEST(ErrorTest, FindsNoDetailsInAPlainStatus) {
  const ErrorDetails details = GetErrorDetails(absl::InternalError("plain"));
  EXPECT_EQ(details.reason, "");
  EXPECT_EQ(details.field, "");
  EXPECT_FALSE(details.retry_after.has_value());
}

std::vector<FieldViolation> Violations(int count) {
  std::vector<FieldViolation> violations;
  for (int i = 0; i < count; ++i) {
    violations.push_back({absl::StrCat("parts[", i, "]"), "BAD", absl::StrCat("part ", i)});
  }
  return violations;
}

TEST(ErrorTest, KeepsUpToTwentyWrongFieldsInOrder) {
  for (const int count : {1, 19, 20, 21}) {
    const absl::Status status = InvalidArgument(Violations(count));
    const std::vector<FieldViolation> kept = GetFieldViolations(status);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    ASSERT_EQ(kept.size(), std::min(count, 20));
    EXPECT_EQ(kept.back().field, absl::StrCat("parts[", kept.size() - 1, "]"));
    EXPECT_EQ(kept.back().reason, "BAD");
    EXPECT_EQ(kept.back().description, absl::StrCat("part ", kept.size() - 1));
  }
}

TEST(ErrorTest, SpeaksOfTheFirstWrongFieldAndCountsTheOthers) {
  const absl::Status status = InvalidArgument(Violations(3));
  EXPECT_EQ(status.message(), "part 0 (and 2 more, see the details)");
  EXPECT_EQ(GetErrorDetails(status).field, "parts[0]");
  EXPECT_EQ(GetErrorDetails(status).reason, "BAD");
}

TEST(ErrorTest, ASingleFieldIsAViolationToo) {
  const auto violations = GetFieldViolations(InvalidArgument("BAD", "x", "bad x"));
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "x");
  EXPECT_EQ(violations[0].description, "bad x");
  EXPECT_TRUE(GetFieldViolations(absl::InternalError("plain")).empty());
}

absl::Status Twice(const absl::Status& first, int& reached) {
  GLYPH_RETURN_IF_ERROR(first);
  ++reached;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a,
                        absl::StatusOr<std::unique_ptr<int>> b) {
  GLYPH_ASSIGN_OR_RETURN(const std::unique_ptr<int> left, std::move(a));
  GLYPH_ASSIGN_OR_RETURN(const std::unique_ptr<int> right, std::move(b));
  return *left + *right;
}

TEST(ErrorTest, MacrosReturnTheErrorWithItsDetailsAndGoOnOtherwise) {
  int reached = 0;
  EXPECT_EQ(GetErrorDetails(Twice(InvalidArgument("BAD", "x", "bad"), reached)).reason, "BAD");
  EXPECT_EQ(reached, 0);
  EXPECT_TRUE(Twice(absl::OkStatus(), reached).ok());
  EXPECT_EQ(reached, 1);

  EXPECT_EQ(*Sum(std::make_unique<int>(2), std::make_unique<int>(3)), 5);
  EXPECT_EQ(Sum(std::make_unique<int>(2), absl::NotFoundError("no b")).status(),
            absl::NotFoundError("no b"));
}

}  // namespace
}  // namespace glyph::rpc
