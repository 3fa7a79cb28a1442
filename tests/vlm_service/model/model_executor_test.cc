#include "vlm_service/model/model_executor.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/failing_allocator.h"
#include "tests/vlm_service/model/request_batch.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/tools/generation.h"

namespace glyph::vlm {
namespace {

using testing::HasSubstr;

class ModelExecutorTest : public testing::Test {
 protected:
  ModelExecutorTest()
      : folder_(MakeSyntheticModel("one_kv_head")), config_(*LoadModelConfig(folder_)) {}

  std::unique_ptr<ModelExecutor> Create(ExecutorOptions options = {}) const {
    options.kv_tokens = 128;
    options.max_slots = 3;
    options.max_vision_tokens = 10;
    options.num_threads = 1;
    return *ModelExecutor::Create(folder_, config_, options);
  }

  // A prompt of `count` text tokens.
  static std::shared_ptr<const Prompt> TextPrompt(int32_t count) {
    auto prompt = std::make_shared<Prompt>();
    for (int32_t i = 0; i < count; ++i) prompt->ids.push_back(20 + i * 7 % 200);
    for (int axis = 0; axis < 3; ++axis) {
      for (int32_t i = 0; i < count; ++i) prompt->positions.push_back(i);
    }
    prompt->next_position = count;
    return prompt;
  }

  // Starts a slot and reads a prompt of `count` tokens into `blocks`.
  static StepPlan PromptPlan(SequenceSlot slot, int32_t count, const std::vector<BlockId>& blocks) {
    StepPlan plan;
    plan.started_slots.push_back({.slot = slot, .sampling = {}});
    for (size_t i = 0; i < blocks.size(); ++i) {
      plan.table_edits.push_back(
          {.slot = slot, .index = static_cast<int32_t>(i), .block = blocks[i]});
    }
    plan.prefill.push_back(ChunkOf(*TextPrompt(count), 0, count, slot, {}));
    return plan;
  }

  // All units of a page.
  static VisionSlice WholePage(const ModelExecutor& executor, PageId page, PageGrid grid) {
    return {.page = page,
            .image = std::make_shared<const PageImage>(
                SyntheticPage("page", 1, grid.cols * 28, grid.rows * 28)),
            .grid = grid,
            .first_unit = 0,
            .num_units = executor.limits().VisionUnits(grid)};
  }

  static int64_t Used(const ModelExecutor& executor, const std::string& component) {
    for (const ComponentMemory& memory : executor.memory()) {
      if (memory.component == component) return memory.used_bytes;
    }
    return -1;
  }

  const std::string folder_;
  const ModelConfig config_;
};

TEST_F(ModelExecutorTest, LimitsFollowTheOptionsAndTheModel) {
  const auto executor = Create();
  EXPECT_EQ(executor->limits().block_tokens, 16);
  EXPECT_EQ(executor->limits().num_blocks, 8);
  EXPECT_EQ(executor->limits().max_slots, 3);
  EXPECT_EQ(executor->limits().context_tokens, config_.text.max_position_embeddings);
  EXPECT_EQ(executor->limits().vision_layers, config_.vision.depth);
  EXPECT_EQ(executor->limits().VisionUnits({.rows = 5, .cols = 13}), 1 + 3 * config_.vision.depth);
}

TEST_F(ModelExecutorTest, KvBytesAreRoundedDownToWholeBlocks) {
  // 2 (keys, values) x 2 layers x 16 tokens x 1 KV head x 16 values x 4 bytes.
  constexpr int64_t kBlockBytes = 2 * 2 * 16 * 16 * 4;
  const auto blocks = [&](int64_t bytes) {
    const auto executor = ModelExecutor::Create(folder_, config_, {.kv_bytes = bytes});
    return executor.ok() ? (*executor)->limits().num_blocks : 0;
  };
  EXPECT_EQ(blocks(3 * kBlockBytes - 1), 2);
  EXPECT_EQ(blocks(3 * kBlockBytes), 3);
  EXPECT_EQ(blocks(kBlockBytes - 1), 0);
}

TEST_F(ModelExecutorTest, ABuildWithoutCudaSaysSo) {
  const absl::Status status =
      ModelExecutor::Create(folder_, config_, {.device = ModelDevice::kCuda}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--device cpu"));
}

TEST_F(ModelExecutorTest, LogitsComeOnlyOnRequest) {
  const auto executor = Create();
  const auto answers = AnswerTogether(
      *executor,
      {{.prompt = TextPrompt(5), .pages = {}, .max_new_tokens = 2},
       {.prompt = TextPrompt(5), .pages = {}, .max_new_tokens = 2, .return_logits = true}});
  EXPECT_TRUE(answers[0].logits[0].empty());
  EXPECT_EQ(answers[1].logits[1].size(), static_cast<size_t>(config_.text.vocab_size));
  EXPECT_EQ(answers[0].output_ids, answers[1].output_ids);
}

TEST_F(ModelExecutorTest, MemoryIsHeldUntilSlotsAndPagesAreReleased) {
  const auto executor = Create();
  StepPlan plan = PromptPlan(SequenceSlot{1}, 20, {BlockId{7}, BlockId{2}});
  plan.vision.push_back(WholePage(*executor, PageId{4}, {.rows = 2, .cols = 2}));
  executor->Submit(std::move(plan));
  ASSERT_TRUE(executor->Collect().ok());
  EXPECT_EQ(Used(*executor, "vision"), 4 * config_.text.hidden_size * 4);
  EXPECT_EQ(Used(*executor, "kv"), 2 * 4096);

  StepPlan release;
  release.released_pages = {PageId{4}};
  release.released_slots = {SequenceSlot{1}};
  executor->Submit(std::move(release));
  ASSERT_TRUE(executor->Collect().ok());
  EXPECT_EQ(Used(*executor, "vision"), 0);
  EXPECT_EQ(Used(*executor, "kv"), 0);
}

// Pages of 4 and 6 tokens leave holes that a page of 9 must fit into.
TEST_F(ModelExecutorTest, PagesFitWheneverTheirTokensDo) {
  const auto executor = Create();
  const auto encode = [&](int64_t id, PageGrid grid, std::vector<PageId> released) {
    StepPlan plan;
    plan.released_pages = std::move(released);
    plan.vision.push_back(WholePage(*executor, PageId{id}, grid));
    executor->Submit(std::move(plan));
    return executor->Collect().ok();
  };
  EXPECT_TRUE(encode(1, {.rows = 2, .cols = 2}, {}));
  EXPECT_TRUE(encode(2, {.rows = 1, .cols = 1}, {}));
  EXPECT_TRUE(encode(3, {.rows = 1, .cols = 5}, {}));
  EXPECT_TRUE(encode(4, {.rows = 3, .cols = 3}, {PageId{1}, PageId{3}}));
}

TEST_F(ModelExecutorTest, APlanBeyondTheLimitsCondemnsTheStep) {
  const auto executor = Create();
  StepPlan plan;
  plan.decode.push_back({.slot = SequenceSlot{0}, .kv_length = 3, .position = 3});
  executor->Submit(std::move(plan));
  const absl::Status status = executor->Collect().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("slot")));
}

TEST_F(ModelExecutorTest, LogitsThatAreNotFiniteAreMarkedAndTheStepLives) {
  // A file whose head is NaN in one row.
  std::vector<FileTensor> tensors = ReadTensors(folder_);
  for (FileTensor& tensor : tensors) {
    if (tensor.name != "lm_head.weight") continue;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    tensor.bytes.replace(0, sizeof(nan), reinterpret_cast<const char*>(&nan), sizeof(nan));
  }
  WriteTensors(folder_, tensors);
  const auto executor = Create();
  for (int step = 0; step < 2; ++step) {
    executor->Submit(PromptPlan(SequenceSlot{0}, 4, {BlockId{0}}));
    const absl::StatusOr<StepResult> result = executor->Collect();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->tokens.at(0).finite);
  }
}

TEST_F(ModelExecutorTest, DestroyingItWithAStepInFlightWaitsForTheStep) {
  auto executor = Create();
  executor->Submit(
      PromptPlan(SequenceSlot{0}, 60, {BlockId{0}, BlockId{1}, BlockId{2}, BlockId{3}}));
  executor.reset();
  SUCCEED();
}

TEST_F(ModelExecutorTest, AStepBeyondItsLimitFails) {
  const FailingAllocator allocator;
  const auto executor = Create({.step_limit = std::chrono::milliseconds(10)});
  FailingAllocator::Hold();
  executor->Submit(PromptPlan(SequenceSlot{0}, 30, {BlockId{0}, BlockId{1}}));
  EXPECT_EQ(executor->Collect().status().code(), absl::StatusCode::kDeadlineExceeded);
  FailingAllocator::Release();
}

}  // namespace
}  // namespace glyph::vlm
