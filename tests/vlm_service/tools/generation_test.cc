#include "vlm_service/tools/generation.h"

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using testing::ElementsAre;

// Answers every sequence with the tokens of a script and keeps the plans it was given.
class ScriptedExecutor : public StepExecutor {
 public:
  explicit ScriptedExecutor(std::vector<SampledToken> script)
      : script_(std::make_move_iterator(script.begin()), std::make_move_iterator(script.end())) {}

  const ExecutorLimits& limits() const override { return limits_; }
  void Submit(StepPlan plan) override { plans.push_back(std::move(plan)); }
  absl::StatusOr<StepResult> Collect() override {
    StepResult result;
    result.vision_ms = plans.back().vision.empty() ? 0 : 7;
    if (plans.back().decode.size() > 0 ||
        (plans.back().prefill.size() > 0 && plans.back().prefill.front().samples)) {
      result.tokens.push_back(std::move(script_.front()));
      script_.pop_front();
    }
    return result;
  }
  std::vector<ComponentMemory> memory() const override { return {}; }

  std::vector<StepPlan> plans;

 private:
  const ExecutorLimits limits_ = {.num_blocks = 4,
                                  .block_tokens = 4,
                                  .max_slots = 1,
                                  .max_vision_tokens = 2,
                                  .context_tokens = 12,
                                  .vision_layers = 3};
  std::deque<SampledToken> script_;
};

SampledToken Token(int32_t id) {
  SampledToken token;
  token.token = id;
  token.logits = {1.0f};
  return token;
}

// A prompt of five tokens, two of them a page's.
GenerationRequest Request(int32_t max_new_tokens, std::span<const int32_t> stop_tokens) {
  GenerationRequest request;
  Prompt prompt;
  prompt.ids = {1, 2, 2, 3, 4};
  prompt.pages = {{.first_token = 1, .grid = {.rows = 1, .cols = 2}}};
  prompt.positions = {0, 1, 1, 2, 3, 0, 1, 1, 2, 3, 0, 1, 2, 2, 3};
  prompt.next_position = 4;
  request.prompt = std::make_shared<const Prompt>(std::move(prompt));
  request.pages = {std::make_shared<const PageImage>()};
  request.max_new_tokens = max_new_tokens;
  request.stop_tokens = stop_tokens;
  return request;
}

TEST(GenerationTest, StopsAtAStopTokenAndKeepsIt) {
  const std::vector<int32_t> stops = {9};
  ScriptedExecutor executor({Token(5), Token(9), Token(6)});
  const absl::StatusOr<GenerationResult> result = Generate(Request(7, stops), executor);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->output_ids, ElementsAre(5, 9));
  EXPECT_TRUE(result->logits.empty());
  EXPECT_EQ(result->vision_ms, 7);
}

TEST(GenerationTest, StopsAtTheLargestLength) {
  ScriptedExecutor executor({Token(5), Token(6), Token(7)});
  GenerationRequest request = Request(2, {});
  request.return_logits = true;
  const absl::StatusOr<GenerationResult> result = Generate(request, executor);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->output_ids, ElementsAre(5, 6));
  EXPECT_EQ(result->logits.size(), 2u);
}

TEST(GenerationTest, PlansEncodeThenReadThenDecodeThenRelease) {
  ScriptedExecutor executor({Token(5), Token(6)});
  ASSERT_TRUE(Generate(Request(2, {}), executor).ok());
  ASSERT_EQ(executor.plans.size(), 3u);
  EXPECT_EQ(executor.plans[0].vision.size(), 1u);
  EXPECT_EQ(executor.plans[0].vision[0].num_units, 4);
  EXPECT_EQ(executor.plans[0].started_slots.size(), 1u);
  ASSERT_EQ(executor.plans[0].table_edits.size(), 2u);
  EXPECT_EQ(executor.plans[0].table_edits[1].index, 1);
  EXPECT_EQ(executor.plans[0].table_edits[1].block, BlockId{1});
  EXPECT_THAT(executor.plans[0].prefill.at(0).ids, ElementsAre(1, 2, 2, 3, 4));
  EXPECT_EQ(executor.plans[1].decode.at(0).kv_length, 5);
  EXPECT_EQ(executor.plans[1].decode.at(0).position, 4);
  EXPECT_THAT(executor.plans[2].released_slots, ElementsAre(SequenceSlot{0}));
  EXPECT_THAT(executor.plans[2].released_pages, ElementsAre(PageId{0}));
}

TEST(GenerationTest, ChunksCoverThePromptAndItsPages) {
  ScriptedExecutor executor({Token(5)});
  GenerationRequest request = Request(1, {});
  request.chunk_tokens = 2;
  const absl::StatusOr<GenerationResult> result = Generate(request, executor);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->output_ids, ElementsAre(5));
  ASSERT_EQ(executor.plans.size(), 4u);
  const auto chunk = [&](size_t step) { return executor.plans[step].prefill.at(0); };
  EXPECT_THAT(chunk(0).ids, ElementsAre(1, 2));
  EXPECT_THAT(chunk(1).ids, ElementsAre(2, 3));
  EXPECT_THAT(chunk(2).ids, ElementsAre(4));
  EXPECT_EQ(chunk(1).first, 2);
  EXPECT_THAT(chunk(1).positions, ElementsAre(1, 2, 1, 2, 2, 2));
  const PageRows rows = chunk(1).pages.at(0);
  EXPECT_THAT(std::vector<int64_t>({rows.first_row, rows.first_token, rows.num_tokens}),
              ElementsAre(1, 0, 1));
  EXPECT_TRUE(chunk(2).pages.empty());
  EXPECT_THAT(std::vector<bool>({chunk(0).samples, chunk(1).samples, chunk(2).samples}),
              ElementsAre(false, false, true));
}

TEST(GenerationTest, ContextIsCountedWithTheAnswer) {
  ScriptedExecutor fits(std::vector<SampledToken>(7, Token(5)));
  EXPECT_TRUE(Generate(Request(7, {}), fits).ok());
  ScriptedExecutor full({});
  EXPECT_EQ(Generate(Request(8, {}), full).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(full.plans.empty());
}

TEST(GenerationTest, LogitsThatAreNotFiniteEndIt) {
  SampledToken broken = Token(5);
  broken.finite = false;
  ScriptedExecutor executor({broken});
  EXPECT_EQ(Generate(Request(2, {}), executor).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace glyph::vlm
