#include "vlm_service/engine/memory_stages.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/engine/engine_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<std::string, int64_t>> Pairs(const std::vector<StageMemory>& stages) {
  std::vector<std::pair<std::string, int64_t>> pairs;
  for (const StageMemory& stage : stages) pairs.emplace_back(stage.stage, stage.bytes);
  return pairs;
}

EngineCounts Counts(int64_t pages, int64_t finished) {
  EngineCounts counts;
  counts.scheduler.pages_encoded = pages;
  counts.finished = finished;
  return counts;
}

TEST(MemoryStages, KeepsTheFirstFigureOfAStage) {
  MemoryStages stages({{"loaded", 10}});
  stages.Record(11, Counts(0, 0), absl::Seconds(1));
  EXPECT_THAT(Pairs(stages.stages()), ElementsAre(Pair("loaded", 10)));
  stages.Record(12, Counts(1, 0), absl::Seconds(2));
  stages.Record(13, Counts(2, 1), absl::Seconds(3));
  stages.Record(14, Counts(3, 4), absl::Seconds(4));
  EXPECT_THAT(Pairs(stages.stages()),
              ElementsAre(Pair("loaded", 10), Pair("first_page", 12), Pair("finished", 13)));
}

TEST(MemoryStages, KeepsTheLargestFigureFromTheFifthRequestOn) {
  MemoryStages stages({{"loaded", 10}});
  stages.Record(40, Counts(0, 2), absl::Seconds(1));
  stages.Record(20, Counts(0, 5), absl::Seconds(2));
  EXPECT_EQ(Pairs(stages.stages()).back(), std::pair(std::string("peak_of_five"), int64_t{40}));
  stages.Record(50, Counts(0, 6), absl::Seconds(3));
  EXPECT_EQ(stages.stages().back().bytes, 50);
}

TEST(MemoryStages, AreDueWhenReachedAndOnceASecond) {
  MemoryStages stages({{"loaded", 10}});
  EXPECT_TRUE(stages.IsDue(Counts(0, 0), absl::ZeroDuration()));
  stages.Record(1, Counts(0, 0), absl::ZeroDuration());
  EXPECT_FALSE(stages.IsDue(Counts(0, 0), absl::Milliseconds(999)));
  EXPECT_TRUE(stages.IsDue(Counts(0, 0), absl::Milliseconds(1000)));
  EXPECT_TRUE(stages.IsDue(Counts(1, 0), absl::Milliseconds(1)));
  stages.Record(1, Counts(1, 0), absl::Milliseconds(1));
  EXPECT_FALSE(stages.IsDue(Counts(2, 0), absl::Milliseconds(2)));
  EXPECT_TRUE(stages.IsDue(Counts(2, 1), absl::Milliseconds(2)));
}

TEST(MemoryStages, AreNeverDueWithoutADriver) {
  EXPECT_FALSE(MemoryStages({}).IsDue(Counts(5, 5), absl::Seconds(9)));
}

// Its driver counts 1000 bytes more with every measurement.
class GpuExecutor : public FakeStepExecutor {
 public:
  GpuExecutor() : FakeStepExecutor(kLimits, Says("x")) {}
  std::vector<StageMemory> load_stages() const override {
    return {{"start", 1}, {"loading", 3}, {"loaded", 2}};
  }
  int64_t MeasureDriverBytes() const override { return measured_ += 1000; }

 private:
  mutable int64_t measured_ = 0;
};

TEST_F(EngineFixture, TellsTheStagesOfAGpuBeforeTheClientHears) {
  engine_ =
      std::make_unique<Engine>(std::make_unique<GpuExecutor>(), TokenMeaning{TokenBytes, {kStopId}},
                               SteadyNow, EngineOptions());
  const auto id = engine_->Begin(MakeRequest(sink_));
  FakePromptStream stream;
  SendPage(*id, *sink_, stream, kPage);
  engine_->FinishPrompt(*id, stream.Text({7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  const auto stages = Pairs(engine_->Stats().memory_stages);
  ASSERT_EQ(stages.size(), 5u);
  EXPECT_EQ(stages[1], std::pair(std::string("loading"), int64_t{3}));
  EXPECT_EQ(stages[3].first, "first_page");
  EXPECT_EQ(stages[4].first, "finished");
  EXPECT_LT(stages[3].second, stages[4].second);
  for (int more = 1; more < 5; ++more) {
    auto sink = std::make_shared<RecordingSink>();
    BeginText(MakeRequest(sink));
    ASSERT_TRUE(sink->AwaitEnd().ok());
  }
  EXPECT_EQ(engine_->Stats().memory_stages.back().stage, std::string("peak_of_five"));
}

TEST_F(EngineFixture, TellsNoStagesWithoutAGpu) {
  Start(Says("x"));
  BeginText(MakeRequest(sink_));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_THAT(engine_->Stats().memory_stages, IsEmpty());
}

}  // namespace
}  // namespace glyph::vlm
