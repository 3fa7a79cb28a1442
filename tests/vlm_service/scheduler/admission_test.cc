#include "vlm_service/scheduler/admission.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;

constexpr ExecutorLimits kLimits = {.num_blocks = 10,
                                    .block_tokens = 16,
                                    .max_slots = 4,
                                    .max_vision_tokens = 100,
                                    .context_tokens = 1000};

SequenceSpec Spec(int64_t prompt, int64_t output, size_t num_forks = 0) {
  SequenceSpec spec;
  spec.max_prompt_tokens = prompt;
  spec.max_output_tokens = output;
  spec.forks.resize(num_forks);
  return spec;
}

TEST(ExecutorLimits, RoundsBlocksUp) {
  EXPECT_EQ(kLimits.BlocksFor(0), 0);
  EXPECT_EQ(kLimits.BlocksFor(15), 1);
  EXPECT_EQ(kLimits.BlocksFor(16), 1);
  EXPECT_EQ(kLimits.BlocksFor(17), 2);
}

TEST(ExecutorLimits, CutsAPageIntoUnits) {
  ExecutorLimits limits = kLimits;
  EXPECT_EQ(limits.VisionUnits({3, 7}), 2);
  limits.vision_layers = 4;
  EXPECT_EQ(limits.VisionUnits({3, 7}), 5);
  limits.vision_unit_tokens = 10;
  EXPECT_EQ(limits.VisionUnits({3, 7}), 13);  // 21 tokens: 10, 10 and 1 for each layer
  EXPECT_EQ(limits.VisionUnits({1, 10}), 5);
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
  ExecutorLimits limits = kLimits;
  limits.context_tokens = 150;
  EXPECT_TRUE(CheckFits(Spec(100, 49), limits).ok());
  EXPECT_TRUE(CheckFits(Spec(100, 50), limits).ok());
  const absl::Status status = CheckFits(Spec(100, 51), limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "CONTEXT_LENGTH_EXCEEDED");
}

TEST(Admission, RefusesMoreSamplesThanSlots) {
  EXPECT_TRUE(CheckFits(Spec(10, 10, 3), kLimits).ok());
  const absl::Status status = CheckFits(Spec(10, 10, 4), kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "SLOT_CAPACITY");
  EXPECT_FALSE(rpc::GetErrorDetails(status).retry_after.has_value());
}

TEST(Admission, CutsTheDefaultOutputToWhatIsLeft) {
  ExecutorLimits limits = kLimits;
  EXPECT_EQ(DefaultOutputTokens(100, 50, limits), 50);
  EXPECT_EQ(DefaultOutputTokens(100, 61, limits), 60);  // the pool holds 160
  limits.context_tokens = 110;
  EXPECT_EQ(DefaultOutputTokens(100, 61, limits), 10);
  EXPECT_EQ(DefaultOutputTokens(110, 61, limits), 1);
  EXPECT_EQ(DefaultOutputTokens(5000, 61, limits), 1);
}

}  // namespace
}  // namespace glyph::vlm
