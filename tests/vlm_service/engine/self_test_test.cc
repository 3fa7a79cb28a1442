#include "vlm_service/engine/self_test.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_step_executor.h"

namespace glyph::vlm {
namespace {

constexpr ExecutorLimits kLimits = {.num_blocks = 4,
                                    .block_tokens = 16,
                                    .max_slots = 1,
                                    .max_vision_tokens = 8,
                                    .context_tokens = 64,
                                    .vision_layers = 3};

class SelfTestTest : public testing::Test {
 protected:
  std::unique_ptr<PromptBuilder> prompts_ = [] {
    auto tokenizer = Tokenizer::Load("deploy/models/nano");
    return *PromptBuilder::Create(std::shared_ptr<const Tokenizer>(*std::move(tokenizer)));
  }();
};

TEST_F(SelfTestTest, LeavesTheExecutorAsItWas) {
  FakeStepExecutor executor(kLimits);
  EXPECT_TRUE(RunSelfTest(executor, *prompts_, 28).ok());
  EXPECT_EQ(executor.num_steps(), 3);
  EXPECT_EQ(executor.num_used_slots(), 0);
  EXPECT_EQ(executor.num_held_pages(), 0);
}

TEST_F(SelfTestTest, FailsOnLogitsThatAreNotFinite) {
  FakeStepExecutor executor(kLimits);
  executor.SpoilNextPage();
  EXPECT_EQ(RunSelfTest(executor, *prompts_, 28).code(), absl::StatusCode::kInternal);
}

TEST_F(SelfTestTest, FailsAsTheExecutorDoes) {
  FakeStepExecutor executor(kLimits);
  executor.FailNextStep(absl::ResourceExhaustedError("no memory"));
  EXPECT_EQ(RunSelfTest(executor, *prompts_, 28), absl::ResourceExhaustedError("no memory"));
}

TEST_F(SelfTestTest, NeedsAPoolForItsPrompt) {
  ExecutorLimits limits = kLimits;
  limits.num_blocks = 1;
  limits.block_tokens = 8;
  FakeStepExecutor executor(limits);
  EXPECT_EQ(RunSelfTest(executor, *prompts_, 28).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace glyph::vlm
