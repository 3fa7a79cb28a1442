#include "vlm_service/scheduler/admission.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;

constexpr SchedulerLimits kLimits = {.num_blocks = 10,
                                     .block_tokens = 16,
                                     .num_slots = 4,
                                     .vision_tokens = 100,
                                     .context_tokens = 1000};

SequenceSpec Spec(int64_t prompt, int64_t output, int64_t visual = 0) {
  SequenceSpec spec;
  spec.max_prompt_tokens = prompt;
  spec.max_output_tokens = output;
  spec.max_visual_tokens = visual;
  return spec;
}

TEST(Admission, RoundsBlocksUp) {
  EXPECT_EQ(BlocksFor(15, kLimits), 1);
  EXPECT_EQ(BlocksFor(16, kLimits), 1);
  EXPECT_EQ(BlocksFor(17, kLimits), 2);
}

TEST(Admission, RefusesMoreBlocksThanThePoolHas) {
  EXPECT_TRUE(CheckFits(Spec(100, 59), kLimits).ok());
  EXPECT_TRUE(CheckFits(Spec(100, 60), kLimits).ok());
  const absl::Status status = CheckFits(Spec(100, 61), kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "KV_CAPACITY");
  EXPECT_FALSE(rpc::GetErrorDetails(status).retry_after.has_value());
  EXPECT_THAT(std::string(status.message()), HasSubstr("needs 11 KV blocks; this server has 10"));
}

TEST(Admission, RefusesMoreTokensThanTheContext) {
  SchedulerLimits limits = kLimits;
  limits.context_tokens = 150;
  EXPECT_TRUE(CheckFits(Spec(100, 49), limits).ok());
  EXPECT_TRUE(CheckFits(Spec(100, 50), limits).ok());
  const absl::Status status = CheckFits(Spec(100, 51), limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "CONTEXT_LENGTH_EXCEEDED");
}

TEST(Admission, RefusesMoreImageTokensThanTheExecutorHolds) {
  EXPECT_TRUE(CheckFits(Spec(120, 1, 99), kLimits).ok());
  EXPECT_TRUE(CheckFits(Spec(120, 1, 100), kLimits).ok());
  const absl::Status status = CheckFits(Spec(120, 1, 101), kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "VISION_CAPACITY");
}

TEST(Admission, CutsTheDefaultOutputToWhatIsLeft) {
  SchedulerLimits limits = kLimits;
  EXPECT_EQ(DefaultOutputTokens(100, 50, limits), 50);
  EXPECT_EQ(DefaultOutputTokens(100, 61, limits), 60);  // the pool holds 160
  limits.context_tokens = 110;
  EXPECT_EQ(DefaultOutputTokens(100, 61, limits), 10);
  EXPECT_EQ(DefaultOutputTokens(110, 61, limits), 1);
  EXPECT_EQ(DefaultOutputTokens(5000, 61, limits), 1);
}

}  // namespace
}  // namespace glyph::vlm
