#include "vlm_service/engine/self_test.h"

#include <string>
#include <utility>
#include <vector>

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

// Every token's logits are `logits`.
class LogitsExecutor : public FakeStepExecutor {
 public:
  explicit LogitsExecutor(std::vector<float> logits)
      : FakeStepExecutor(kLimits, [](const FakeQuery&) { return 1; }), logits_(std::move(logits)) {}

  absl::StatusOr<StepResult> Collect() override {
    absl::StatusOr<StepResult> result = FakeStepExecutor::Collect();
    for (SampledToken& token : result->tokens) token.logits = logits_;
    return result;
  }

 private:
  const std::vector<float> logits_;
};

class SelfTestTest : public testing::Test {
 protected:
  absl::Status Run(StepExecutor& executor, const GoldenAnswer& golden = {}) const {
    return RunSelfTest(executor, *prompts_, 28, golden);
  }

  std::unique_ptr<PromptBuilder> prompts_ = [] {
    auto tokenizer = Tokenizer::Load("deploy/models/nano");
    return *PromptBuilder::Create(std::shared_ptr<const Tokenizer>(*std::move(tokenizer)));
  }();
};

TEST_F(SelfTestTest, LeavesTheExecutorAsItWas) {
  FakeStepExecutor executor(kLimits);
  EXPECT_TRUE(Run(executor).ok());
  EXPECT_EQ(executor.num_steps(), 3);
  EXPECT_EQ(executor.num_used_slots(), 0);
  EXPECT_EQ(executor.num_held_pages(), 0);
}

TEST_F(SelfTestTest, FailsOnLogitsThatAreNotFinite) {
  FakeStepExecutor executor(kLimits);
  executor.SpoilNextPage();
  EXPECT_EQ(Run(executor).code(), absl::StatusCode::kInternal);
}

TEST_F(SelfTestTest, FailsAsTheExecutorDoes) {
  FakeStepExecutor executor(kLimits);
  executor.FailNextStep(absl::ResourceExhaustedError("no memory"));
  EXPECT_EQ(Run(executor), absl::ResourceExhaustedError("no memory"));
}

TEST_F(SelfTestTest, NeedsAPoolForItsPrompt) {
  ExecutorLimits limits = kLimits;
  limits.num_blocks = 1;
  limits.block_tokens = 8;
  FakeStepExecutor executor(limits);
  EXPECT_EQ(Run(executor).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(SelfTestTest, RunsEveryGoldenStep) {
  LogitsExecutor executor({0, 2, -1});
  const GoldenStep step = {.ids = {1, 0}, .logits = {2.125, 0}};
  EXPECT_EQ(Run(executor, {.steps = {step, step, step}, .tolerance = 0.125}), absl::OkStatus());
  EXPECT_EQ(executor.num_steps(), 4);
  EXPECT_EQ(executor.num_used_slots(), 0);
  EXPECT_EQ(executor.num_held_pages(), 0);
}

TEST_F(SelfTestTest, SaysWhatItExpectedAndFound) {
  const GoldenStep good = {.ids = {1}, .logits = {2}};
  const std::pair<GoldenStep, const char*> bad[] = {
      {{.ids = {0}, .logits = {0}},
       "at output token 1 the model chose id 1; self_test.json expects 0"},
      {{.ids = {1, 2}, .logits = {2, -1.25}},
       "at output token 1 the logit of id 2 is -1; self_test.json expects -1.25 within 0.125"},
      {{.ids = {1, 3}, .logits = {2, 0}}, "the logit of id 3 is nan"},
  };
  for (const auto& [step, message] : bad) {
    LogitsExecutor executor({0, 2, -1});
    const absl::Status status = Run(executor, {.steps = {good, step}, .tolerance = 0.125});
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.ToString(), testing::HasSubstr(message));
  }
}

}  // namespace
}  // namespace glyph::vlm
