#include "vlm_service/model/warm_up.h"

#include <algorithm>
#include <set>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/model/request_batch.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/model_executor.h"

namespace glyph::vlm {
namespace {

using ::testing::IsSupersetOf;

// Runs nothing and keeps what it was asked.
class RecordingExecutor : public StepExecutor {
 public:
  explicit RecordingExecutor(const ExecutorLimits& limits) : limits_(limits) {}
  const ExecutorLimits& limits() const override { return limits_; }
  void Submit(StepPlan plan) override { plans_.push_back(std::move(plan)); }
  absl::StatusOr<StepResult> Collect() override { return StepResult{}; }
  std::vector<ComponentMemory> memory() const override { return {}; }
  const std::vector<StepPlan>& plans() const { return plans_; }

 private:
  const ExecutorLimits limits_;
  std::vector<StepPlan> plans_;
};

constexpr ExecutorLimits kGpuLimits = {.num_blocks = 300,
                                       .block_tokens = 128,
                                       .max_slots = 100,
                                       .max_vision_tokens = 2 * 21399,
                                       .context_tokens = 65536,
                                       .vision_layers = 24,
                                       .vision_unit_tokens = 2048};

TEST(WarmUp, DecodesBatchesOfEveryPaddedSize) {
  RecordingExecutor executor(kGpuLimits);
  ASSERT_TRUE(WarmUp(executor, 28, 8192).ok());
  std::set<size_t> rows;
  for (const StepPlan& plan : executor.plans()) rows.insert(plan.decode.size());
  EXPECT_THAT(rows, IsSupersetOf<size_t>({1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 96, 100}));
}

TEST(WarmUp, ReadsChunksUpToTheLargest) {
  RecordingExecutor executor(kGpuLimits);
  ASSERT_TRUE(WarmUp(executor, 28, 8192).ok());
  std::set<std::pair<int64_t, size_t>> chunks;  // first token, count
  for (const StepPlan& plan : executor.plans()) {
    for (const PrefillChunk& chunk : plan.prefill) chunks.emplace(chunk.first, chunk.ids.size());
  }
  using Chunk = std::pair<int64_t, size_t>;
  EXPECT_THAT(chunks, IsSupersetOf<Chunk>({{0, 1}, {0, 16}, {0, 96}, {0, 6144}, {0, 8192}}));
}

TEST(WarmUp, KeepsToTheLimitsAndToOneBlock) {
  for (const int64_t max_chunk : {1, 100, 8192}) {
    ExecutorLimits limits = kGpuLimits;
    limits.num_blocks = 1;
    limits.max_vision_tokens = 2 * max_chunk;
    limits.max_slots = 1;
    RecordingExecutor executor(limits);
    ASSERT_TRUE(WarmUp(executor, 28, max_chunk).ok());
    for (const StepPlan& plan : executor.plans()) {
      for (const TableEdit& edit : plan.table_edits) EXPECT_EQ(edit.block, BlockId{0});
      EXPECT_LE(plan.table_edits.size(), 1u);
      for (const PrefillChunk& chunk : plan.prefill) {
        EXPECT_LE(static_cast<int64_t>(chunk.ids.size()), max_chunk);
        EXPECT_LE(chunk.first + static_cast<int64_t>(chunk.ids.size()), 128);
      }
      for (const VisionSlice& slice : plan.vision) {
        EXPECT_GT(slice.grid.num_tokens(), 0);
        EXPECT_LE(slice.grid.num_tokens(), max_chunk);
      }
    }
  }
}

TEST(WarmUp, ServesAnExecutorThatTakesNoPages) {
  ExecutorLimits limits = kGpuLimits;
  limits.max_vision_tokens = 0;
  RecordingExecutor executor(limits);
  EXPECT_TRUE(WarmUp(executor, 28, 8192).ok());
}

class WarmModel {
 public:
  WarmModel() {
    const std::string folder = MakeSyntheticModel("one_kv_head");
    config_ = *LoadModelConfig(folder);
    executor_ = *ModelExecutor::Create(
        folder, config_,
        {.max_slots = 9, .kv_tokens = 512, .max_vision_tokens = 64, .num_threads = 1});
  }

  std::vector<BatchAnswer> Answers() {
    auto prompt = std::make_shared<Prompt>();
    for (int32_t i = 0; i < 40; ++i) prompt->ids.push_back(20 + i);
    for (int32_t i = 0; i < 3 * 40; ++i) prompt->positions.push_back(i % 40);
    prompt->next_position = 40;
    prompt->pages.push_back({.first_token = 3, .grid = {.rows = 3, .cols = 4}});
    BatchRequest request;
    request.pages.push_back(
        std::make_shared<const PageImage>(SyntheticPage("page", 1, 4 * 28, 3 * 28)));
    request.prompt = std::move(prompt);
    request.max_new_tokens = 20;
    request.return_logits = true;
    return AnswerTogether(*executor_, {request, request}, 16);
  }

  StepExecutor& executor() { return *executor_; }

 private:
  ModelConfig config_;
  std::unique_ptr<ModelExecutor> executor_;
};

TEST(WarmUp, ChangesNoAnswerAndHoldsNothing) {
  WarmModel cold, warm;
  ASSERT_TRUE(WarmUp(warm.executor(), 28, 64).ok());
  for (const ComponentMemory& memory : warm.executor().memory()) {
    const std::string component = memory.component;
    if (component == "kv" || component == "vision") {
      EXPECT_EQ(memory.used_bytes, 0) << component;
    }
  }
  const std::vector<BatchAnswer> expected = cold.Answers();
  const std::vector<BatchAnswer> found = warm.Answers();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].output_ids, expected[i].output_ids);
    EXPECT_EQ(found[i].logits, expected[i].logits);
  }
}

}  // namespace
}  // namespace glyph::vlm
