#include "vlm_service/engine/step_loop.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"
#include "tests/vlm_service/engine/engine_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

using StepLoopTest = EngineFixture;

TEST_F(StepLoopTest, AnswersUntilTheStopToken) {
  Start(Says("hello"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  engine_->FinishPrompt(*id, FakeText({1, 2, 3}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->text(), "hello");
  EXPECT_EQ(sink_->sample().finished->reason, FinishReason::kStop);
  EXPECT_EQ(sink_->finished()->prompt_tokens, 3);
  EXPECT_EQ(sink_->finished()->output_tokens, 6);
  EXPECT_EQ(sink_->tokens().back(), kStopId);
  EXPECT_EQ(sink_->admission().reserved_tokens, 56);  // 50 in blocks of 8
}

TEST_F(StepLoopTest, EndsAtTheLengthLimitWithTheTextHeldBack) {
  Start(Says("0123456789\xE4"));
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 11;
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->sample().finished->reason, FinishReason::kLength);
  EXPECT_EQ(sink_->sample().finished->tail_text, "\xEF\xBF\xBD");
  EXPECT_EQ(sink_->text(), "0123456789\xEF\xBF\xBD");
}

TEST_F(StepLoopTest, EndsBeforeAStopString) {
  Start(Says("one. two"));
  Request request = MakeRequest(sink_);
  request.stop = {". "};
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->text(), "one");
  EXPECT_EQ(sink_->sample().finished->reason, FinishReason::kStopString);
  EXPECT_EQ(sink_->finished()->output_tokens, 5);
}

TEST_F(StepLoopTest, EncodesPagesAsTheyCome) {
  Start(Says("x"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  FakePromptStream stream;
  SendPage(*id, *sink_, stream, kPage);
  sink_->AwaitPages(1);
  EXPECT_FALSE(sink_->ended());
  SendPage(*id, *sink_, stream, kOther);
  engine_->FinishPrompt(*id, stream.Text({7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->pages()[1].visual_tokens, 10);
  EXPECT_EQ(sink_->finished()->visual_tokens, 20);
  EXPECT_EQ(sink_->finished()->prompt_tokens, 23);
  EXPECT_EQ(sink_->finished()->cached_tokens, 0);
  EXPECT_EQ(sink_->finished()->vision_time, absl::Milliseconds(4));  // the fake's 1 ms a unit
  executor_->AwaitNoSlots();
}

TEST_F(StepLoopTest, NeedsNoPixelsOfAPageItKnows) {
  Start(Says("x"));
  for (const bool have : {false, true}) {
    auto sink = std::make_shared<RecordingSink>();
    const auto id = engine_->Begin(MakeRequest(sink));
    FakePromptStream stream;
    SendPage(*id, *sink, stream, kPage);
    sink->AwaitPages(1);  // without a further command
    engine_->FinishPrompt(*id, stream.Text({7}));
    ASSERT_TRUE(sink->AwaitEnd().ok());
    EXPECT_EQ(sink->decisions()[0].have, have);
    EXPECT_EQ(sink->finished()->vision_time, absl::Milliseconds(have ? 0 : 2));
  }
  EXPECT_EQ(executor_->num_pages_begun(), 1);
  EXPECT_EQ(engine_->Stats().counts.scheduler.pages_reused, 1);
}

TEST_F(StepLoopTest, CountsWhatItFindsInTheCache) {
  Start(Says("x"));
  for (const int64_t cached : {0, 16}) {
    auto sink = std::make_shared<RecordingSink>();
    const auto id = engine_->Begin(MakeRequest(sink));
    engine_->FinishPrompt(*id, FakeText(std::vector<int32_t>(20, 5)));
    ASSERT_TRUE(sink->AwaitEnd().ok());
    EXPECT_EQ(sink->finished()->cached_tokens, cached);
  }
}

TEST_F(StepLoopTest, AnswersWithSeveralSamples) {
  Start(HashModel);
  Request request = MakeRequest(sink_);
  request.num_samples = 2;
  request.sampling.seed = 7;
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->finished()->output_tokens, 40);
  EXPECT_NE(sink_->tokens(0), sink_->tokens(1));
  for (int32_t sample : {0, 1}) {  // as if it had been asked for alone
    auto alone = std::make_shared<RecordingSink>();
    Request one = MakeRequest(alone);
    one.sampling.seed = 7 + static_cast<uint64_t>(sample);
    BeginText(std::move(one));
    ASSERT_TRUE(alone->AwaitEnd().ok());
    EXPECT_EQ(alone->tokens(), sink_->tokens(sample));
  }
}

TEST_F(StepLoopTest, EndsEachSampleByItself) {
  Start([](const FakeQuery& query) -> std::optional<int32_t> {
    return query.num_outputs < 3 + static_cast<int64_t>(query.seed) ? 'a' : kStopId;
  });
  Request request = MakeRequest(sink_);
  request.num_samples = 2;
  request.max_output_tokens = 4;
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->sample(0).finished->reason, FinishReason::kStop);
  EXPECT_EQ(sink_->sample(1).finished->reason, FinishReason::kLength);
  EXPECT_EQ(sink_->text(0), "aaa");
  EXPECT_EQ(sink_->text(1), "aaaa");
}

TEST_F(StepLoopTest, GoesOnAfterForcedOutput) {
  Start(Says("hello. you"));
  sink_ = std::make_shared<RecordingSink>([](const TokenEvent&) {}, /*num_forced=*/5);
  Request request = MakeRequest(sink_);
  request.forced_output_ids = {'h', 'e', 'l', 'l', 'o'};
  request.stop = {"o."};  // begins in what is forced
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->sample().finished->reason, FinishReason::kStopString);
  EXPECT_EQ(sink_->text(), "");
  EXPECT_EQ(sink_->sample().tokens.front().index, 5);
  EXPECT_EQ(sink_->finished()->output_tokens, 6);
}

TEST_F(StepLoopTest, PassesLogProbabilitiesOn) {
  Start(Says("ab"));
  Request request = MakeRequest(sink_);
  request.sampling.num_logprobs = 3;
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->sample().tokens[0].logprob, -0.5f);
  EXPECT_EQ(sink_->sample().tokens[0].top_logprobs.size(), 3u);
}

TEST_F(StepLoopTest, FinishesPreemptedRequests) {
  Start(HashModel);
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  executor_->Pause();
  for (int i = 0; i < 2; ++i) {  // 200 tokens each, of 320 that the pool holds
    sinks.push_back(std::make_shared<RecordingSink>());
    Request request = MakeRequest(sinks.back());
    request.max_output_tokens = 150;
    request.sampling.seed = static_cast<uint64_t>(i);
    const auto id = engine_->Begin(std::move(request));
    engine_->FinishPrompt(*id, FakeText(std::vector<int32_t>(50, i)));
  }
  executor_->Resume();
  for (const auto& sink : sinks) EXPECT_TRUE(sink->AwaitEnd().ok());
  EXPECT_EQ(sinks[0]->finished()->preemptions, 0);
  EXPECT_GT(sinks[1]->finished()->preemptions, 0);
  EXPECT_GT(engine_->Stats().counts.scheduler.preemptions, 0);
}

TEST_F(StepLoopTest, CountsARequestThatWaitsForItsPagesAsRunning) {
  Start(HashModel);
  ASSERT_TRUE(engine_->Begin(MakeRequest(sink_)).ok());
  sink_->AwaitAdmitted();
  EXPECT_EQ(engine_->Stats().counts.running, 1);
  EXPECT_EQ(engine_->Stats().waiting, 0);
}

TEST_F(StepLoopTest, FailsOnlyTheRequestWithNonFiniteLogits) {
  Start([](const FakeQuery& query) -> std::optional<int32_t> {
    if (query.observed.front() == 9 && query.num_outputs == 2) return std::nullopt;
    return HashModel(query);
  });
  auto bad_sink = std::make_shared<RecordingSink>();
  const auto bad = engine_->Begin(MakeRequest(bad_sink));
  engine_->FinishPrompt(*bad, FakeText({9, 9, 9, 9}));
  BeginText(MakeRequest(sink_));
  const absl::Status status = bad_sink->AwaitEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "NON_FINITE_LOGITS");
  EXPECT_EQ(bad_sink->tokens().size(), 2u);
  EXPECT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->tokens().size(), 20u);
  EXPECT_TRUE(engine_->healthy());
}

TEST_F(StepLoopTest, FailsOnlyTheNewestRequestWhenMemoryRunsOut) {
  for (const bool at_the_end : {false, true}) {
    Start(HashModel);
    const auto alone = std::make_shared<RecordingSink>();
    BeginText(MakeRequest(alone));
    ASSERT_TRUE(alone->AwaitEnd().ok());
    const auto older = std::make_shared<RecordingSink>();
    const auto newer = std::make_shared<RecordingSink>();
    executor_->Pause();
    BeginText(MakeRequest(older));
    executor_->AwaitPaused();  // in its first step
    BeginText(MakeRequest(newer));
    executor_->FailNextStep(absl::ResourceExhaustedError("at 0x7f00"), at_the_end);
    executor_->Resume();
    const absl::Status status = newer->AwaitEnd();
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(rpc::GetErrorDetails(status).reason, "OUT_OF_MEMORY");
    EXPECT_TRUE(rpc::GetErrorDetails(status).retry_after.has_value());
    EXPECT_TRUE(older->AwaitEnd().ok());
    EXPECT_EQ(older->tokens(), alone->tokens());
    EXPECT_TRUE(engine_->healthy());
    executor_->AwaitNoSlots();
  }
}

TEST_F(StepLoopTest, EndsARequestOfWhichOneSampleIsNotFinite) {
  Start([](const FakeQuery& query) -> std::optional<int32_t> {
    if (query.seed == 0 && query.num_outputs == 0) return std::nullopt;  // its siblings go on
    return HashModel(query);
  });
  Request request = MakeRequest(sink_);
  request.num_samples = 2;
  BeginText(std::move(request));
  EXPECT_EQ(rpc::GetErrorDetails(sink_->AwaitEnd()).reason, "NON_FINITE_LOGITS");
  EXPECT_EQ(engine_->Stats().counts.running, 0);
  EXPECT_TRUE(engine_->healthy());
  executor_->AwaitNoSlots();
}

TEST_F(StepLoopTest, DoesNotKeepWhatMadeLogitsNonFinite) {
  Start(HashModel);
  executor_->SpoilNextPage();
  for (const bool fails : {true, false}) {
    auto sink = std::make_shared<RecordingSink>();
    const auto id = engine_->Begin(MakeRequest(sink));
    FakePromptStream stream;
    SendPage(*id, *sink, stream, kPage);
    engine_->FinishPrompt(*id, stream.Text(std::vector<int32_t>(20, 5)));
    EXPECT_EQ(sink->AwaitEnd().ok(), !fails);
  }
  EXPECT_TRUE(engine_->healthy());
}

TEST_F(StepLoopTest, FailsARequestWhosePromptBreaksItsBound) {
  Start(HashModel);
  const auto id = engine_->Begin(MakeRequest(sink_));
  engine_->FinishPrompt(*id, FakeText(std::vector<int32_t>(51, 1)));
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kInternal);
}

TEST_F(StepLoopTest, CountsWhatItDid) {
  Start(Says("abc"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  FakePromptStream stream;
  SendPage(*id, *sink_, stream, kPage);
  engine_->FinishPrompt(*id, stream.Text({7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  executor_->AwaitNoSlots();
  const EngineStats stats = engine_->Stats();
  EXPECT_EQ(stats.kv_blocks_total, 40);
  EXPECT_EQ(stats.block_tokens, 8);
  EXPECT_EQ(stats.counts.scheduler.prefilled_tokens, 12);
  EXPECT_EQ(stats.counts.scheduler.pages_encoded, 1);
  EXPECT_EQ(stats.counts.output_tokens, 4);
  EXPECT_EQ(stats.counts.vision_ms, 2);
  EXPECT_GT(stats.counts.prefill_ms, 0);
  EXPECT_GT(stats.counts.decode_ms, 0);
  EXPECT_EQ(stats.counts.kv_blocks_used, 0);
  EXPECT_EQ(stats.counts.kv_blocks_cached, 1);
  EXPECT_EQ(stats.counts.vision_tokens_used, 0);
  EXPECT_EQ(stats.counts.vision_tokens_cached, 10);
  EXPECT_EQ(stats.counts.finished, 1);
  EXPECT_EQ(stats.counts.running, 0);
  EXPECT_GE(stats.counts.steps, 4);
  std::vector<std::string> components;
  for (const MemoryGauge& gauge : stats.memory) components.push_back(gauge.component);
  EXPECT_THAT(components, ElementsAre("kv", "process", "vision", "weights"));
}

}  // namespace
}  // namespace glyph::vlm
