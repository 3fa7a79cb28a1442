// Sequences that share KV blocks: reused prefixes, forks, copies of blocks.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/model/request_batch.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/tools/generation.h"

namespace glyph::vlm {
namespace {

constexpr SequenceSlot kFirst{0};
constexpr SequenceSlot kSecond{1};
constexpr SequenceSlot kThird{2};

const SamplingParams kPenalised = {
    .repetition_penalty = 1.4f, .presence_penalty = 0.3f, .logit_bias = {}, .num_logprobs = {}};
const SamplingParams kSeeded = {.temperature = 1.5f,
                                .repetition_penalty = 1.2f,
                                .logit_bias = {},
                                .seed = 77,
                                .num_logprobs = {}};

Prompt TextPrompt(const std::vector<int32_t>& ids) {
  Prompt prompt;
  prompt.ids = ids;
  prompt.next_position = static_cast<int32_t>(ids.size());
  for (int axis = 0; axis < 3; ++axis) {
    for (int32_t i = 0; i < prompt.next_position; ++i) prompt.positions.push_back(i);
  }
  return prompt;
}

std::vector<int32_t> Ids(int32_t count, int32_t step) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < count; ++i) ids.push_back(20 + i * step % 200);
  return ids;
}

class SequenceSharingTest : public testing::Test {
 protected:
  SequenceSharingTest() {
    const std::string folder = MakeSyntheticModel("one_kv_head");
    executor_ = *ModelExecutor::Create(
        folder, *LoadModelConfig(folder),
        {.max_slots = 4, .kv_tokens = 512, .max_vision_tokens = 1, .num_threads = 1});
  }

  // The first `count` tokens that a sequence gets by itself.
  std::vector<int32_t> Alone(const Prompt& prompt, const SamplingParams& sampling, int32_t count) {
    return AnswerTogether(*executor_, {{.prompt = std::make_shared<const Prompt>(prompt),
                                        .pages = {},
                                        .sampling = sampling,
                                        .max_new_tokens = count}})
        .front()
        .output_ids;
  }

  StepResult Step(StepPlan plan) {
    executor_->Submit(std::move(plan));
    auto result = executor_->Collect();
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  static void Start(StepPlan& plan, SequenceSlot slot, const std::vector<int32_t>& blocks,
                    const SamplingParams& sampling) {
    plan.started_slots.push_back({.slot = slot, .sampling = sampling});
    for (size_t i = 0; i < blocks.size(); ++i) {
      plan.table_edits.push_back(
          {.slot = slot, .index = static_cast<int32_t>(i), .block = BlockId{blocks[i]}});
    }
  }

  // Feeds the slots' last tokens, which are at `lengths`.
  std::vector<int32_t> Decode(const std::vector<std::pair<SequenceSlot, int64_t>>& rows) {
    StepPlan plan;
    for (const auto& [slot, length] : rows) {
      plan.decode.push_back(
          {.slot = slot, .kv_length = length, .position = static_cast<int32_t>(length)});
    }
    std::vector<int32_t> tokens;
    for (const SampledToken& token : Step(std::move(plan)).tokens) tokens.push_back(token.token);
    return tokens;
  }

  std::unique_ptr<ModelExecutor> executor_;
};

TEST_F(SequenceSharingTest, AReusedPrefixGivesTheTokensOfTheWholePrompt) {
  const Prompt first = TextPrompt(Ids(50, 7));
  std::vector<int32_t> ids(first.ids.begin(), first.ids.begin() + 40);
  for (int32_t i = 0; i < 15; ++i) ids.push_back(30 + i * i % 150);
  const Prompt second = TextPrompt(ids);
  const std::vector<int32_t> first_alone = Alone(first, kPenalised, 8);
  const std::vector<int32_t> second_alone = Alone(second, kPenalised, 8);
  StepPlan plan;
  Start(plan, kFirst, {3, 1, 4, 8}, kPenalised);
  plan.prefill.push_back(ChunkOf(first, 0, 50, kFirst, {}));
  std::vector<int32_t> first_tokens = {Step(std::move(plan)).tokens.at(0).token};

  plan = {};
  Start(plan, kSecond, {3, 1, 5, 9}, kPenalised);
  plan.prefill.push_back(ChunkOf(second, 32, 23, kSecond, {}));
  plan.prefill.back().reused_ids.assign(ids.begin(), ids.begin() + 32);
  std::vector<int32_t> second_tokens = {Step(std::move(plan)).tokens.at(0).token};
  for (int64_t i = 0; i < 7; ++i) {
    const std::vector<int32_t> tokens = Decode({{kFirst, 50 + i}, {kSecond, 55 + i}});
    first_tokens.push_back(tokens.at(0));
    second_tokens.push_back(tokens.at(1));
  }

  EXPECT_EQ(first_tokens, first_alone);
  EXPECT_EQ(second_tokens, second_alone);
}

TEST_F(SequenceSharingTest, AForkWritesItsOwnCopyOfASharedBlock) {
  const Prompt prompt = TextPrompt(Ids(40, 9));  // two blocks and a half
  const std::vector<int32_t> greedy_alone = Alone(prompt, kPenalised, 20);
  const std::vector<int32_t> seeded_alone = Alone(prompt, kSeeded, 20);
  ASSERT_NE(greedy_alone, seeded_alone);
  StepPlan plan;
  Start(plan, kFirst, {0, 1, 2, 3}, kPenalised);
  plan.prefill.push_back(ChunkOf(prompt, 0, 40, kFirst, {}));
  plan.forks.push_back({.from = kFirst, .to = kSecond, .sampling = kSeeded});
  const StepResult result = Step(std::move(plan));
  std::vector<int32_t> greedy = {result.tokens.at(0).token};
  std::vector<int32_t> seeded = {result.tokens.at(1).token};

  plan = {};
  plan.table_edits = {{.slot = kSecond, .index = 2, .block = BlockId{9}},
                      {.slot = kSecond, .index = 3, .block = BlockId{10}}};
  plan.block_copies = {{.from = BlockId{2}, .to = BlockId{9}}};
  plan.decode = {{.slot = kFirst, .kv_length = 40, .position = 40},
                 {.slot = kSecond, .kv_length = 40, .position = 40}};
  const StepResult next = Step(std::move(plan));
  greedy.push_back(next.tokens.at(0).token);
  seeded.push_back(next.tokens.at(1).token);
  for (int64_t length = 41; length < 59; ++length) {
    const std::vector<int32_t> tokens = Decode({{kSecond, length}, {kFirst, length}});
    seeded.push_back(tokens.at(0));
    greedy.push_back(tokens.at(1));
  }

  EXPECT_EQ(greedy, greedy_alone);
  EXPECT_EQ(seeded, seeded_alone);
}

TEST_F(SequenceSharingTest, TokensComeFromChunksThenForksThenDecodeRows) {
  StepPlan plan;
  Start(plan, kThird, {7}, {});
  plan.prefill.push_back(ChunkOf(TextPrompt(Ids(9, 3)), 0, 9, kThird, {}));
  Step(std::move(plan));
  plan = {};
  Start(plan, kFirst, {0}, {});
  Start(plan, SequenceSlot{3}, {1, 2}, {});
  plan.prefill.push_back(ChunkOf(TextPrompt(Ids(20, 3)), 0, 16, SequenceSlot{3}, {}));
  plan.prefill.push_back(ChunkOf(TextPrompt(Ids(10, 5)), 0, 10, kFirst, {}));
  plan.forks.push_back({.from = kFirst, .to = kSecond, .sampling = {}});
  plan.decode.push_back({.slot = kThird, .kv_length = 9, .position = 9});

  const StepResult result = Step(std::move(plan));

  std::vector<SequenceSlot> slots;
  for (const SampledToken& token : result.tokens) slots.push_back(token.slot);
  EXPECT_THAT(slots, testing::ElementsAre(kFirst, kSecond, kThird));
  EXPECT_EQ(result.tokens[0].token, result.tokens[1].token);
}

// As after a sequence was put aside: what it had said is read back as known tokens.
TEST_F(SequenceSharingTest, AResumedSequenceGoesOnWithTheSameTokens) {
  const Prompt prompt = TextPrompt(Ids(21, 11));
  const std::vector<int32_t> alone = Alone(prompt, kSeeded, 12);
  std::vector<int32_t> known = prompt.ids;
  known.insert(known.end(), alone.begin(), alone.begin() + 7);
  const Prompt resumed = TextPrompt(known);
  StepPlan plan;
  Start(plan, kFirst, {5, 6, 7}, kSeeded);
  plan.prefill.push_back(ChunkOf(resumed, 0, 24, kFirst, {}));
  plan.prefill.back().num_output_ids = 3;
  EXPECT_TRUE(Step(std::move(plan)).tokens.empty());
  plan = {};
  plan.prefill.push_back(ChunkOf(resumed, 24, 4, kFirst, {}));
  plan.prefill.back().num_output_ids = 4;
  std::vector<int32_t> tokens = {Step(std::move(plan)).tokens.at(0).token};
  for (int64_t length = 28; length < 32; ++length) {
    tokens.push_back(Decode({{kFirst, length}}).at(0));
  }
  EXPECT_EQ(tokens, std::vector<int32_t>(alone.begin() + 7, alone.end()));
}

TEST_F(SequenceSharingTest, LogProbabilitiesComeWithTheToken) {
  StepPlan plan;
  Start(plan, kFirst, {0}, {.logit_bias = {}, .num_logprobs = 3});
  plan.prefill.push_back(ChunkOf(TextPrompt(Ids(9, 3)), 0, 9, kFirst, {}));
  const SampledToken token = Step(std::move(plan)).tokens.at(0);
  ASSERT_EQ(token.top_logprobs.size(), 3u);
  EXPECT_EQ(token.top_logprobs[0].token, token.token);
  EXPECT_EQ(token.top_logprobs[0].logprob, token.logprob);
  EXPECT_LT(token.logprob, 0.0f);
}

}  // namespace
}  // namespace glyph::vlm
