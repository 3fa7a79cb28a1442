// The fake's KV cache and its room for pages cost a byte a token; a block has 8 tokens.
#include "vlm_service/engine/request_memory.h"

#include <numeric>

#include "tests/vlm_service/engine/engine_fixture.h"

namespace glyph::vlm {
namespace {

class RequestMemoryTest : public EngineFixture {
 protected:
  void EndText(Request request, int num_prompt_tokens) {
    const auto id = engine_->Begin(std::move(request));
    ASSERT_TRUE(id.ok()) << id.status();
    std::vector<int32_t> ids(static_cast<size_t>(num_prompt_tokens));
    std::iota(ids.begin(), ids.end(), 1);
    engine_->FinishPrompt(*id, FakeText(ids));
    ASSERT_TRUE(sink_->AwaitEnd().ok());
  }

  MemoryGauge Largest() { return engine_->Stats().largest_request; }
};

TEST_F(RequestMemoryTest, IsWhatARequestOfOneStepHeld) {
  Start(Says("hello"));
  EXPECT_EQ(Largest().peak_start_bytes, 0);
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 1;
  EndText(std::move(request), 9);
  EXPECT_EQ(Largest().peak_start_bytes, 16);
  EXPECT_EQ(Largest().peak_1m_bytes, 16);
  EXPECT_EQ(Largest().peak_5m_bytes, 16);
}

TEST_F(RequestMemoryTest, GrowsWithTheOutputAndEndsWithTheRequest) {
  Start(Says("0123456789"));
  EndText(MakeRequest(sink_), 8);
  EXPECT_EQ(Largest().peak_start_bytes, 24);  // 8 and 10
  executor_->AwaitNoSlots();
  sink_ = std::make_shared<RecordingSink>();
  EndText(MakeRequest(sink_), 3);  // smaller
  EXPECT_EQ(Largest().peak_start_bytes, 24);
  EXPECT_LE(Largest().used_bytes, 16);
}

TEST_F(RequestMemoryTest, CountsSharedBlocksOfSamplesOnce) {
  Start(Says("hello"));
  Request request = MakeRequest(sink_);
  request.num_samples = 2;
  EndText(std::move(request), 17);
  EXPECT_EQ(Largest().peak_start_bytes, 32);  // two full blocks of the prompt, and a block each
}

TEST_F(RequestMemoryTest, CountsThePagesThatAreHeld) {
  Start(Says("x"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  FakePromptStream stream;
  SendPage(*id, *sink_, stream, kPage);
  engine_->FinishPrompt(*id, stream.Text({7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(Largest().peak_start_bytes, 26);  // 12 tokens, of which 10 are of the page
}

TEST(RequestMemoryPricesTest, CostsNothingWithoutComponents) {
  const Scheduler scheduler(kLimits, StepBudget());
  EXPECT_EQ(RequestMemory({}, ExecutorLimits()).HeldBytes(scheduler, SequenceId{0}, 1), 0);
}

}  // namespace
}  // namespace glyph::vlm
