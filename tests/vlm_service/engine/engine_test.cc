#include "vlm_service/engine/engine.h"

#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"
#include "tests/vlm_service/engine/engine_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;

using EngineTest = EngineFixture;

TEST_F(EngineTest, CancelsWithinOneStep) {
  Start(HashModel);
  sink_ = std::make_shared<RecordingSink>([this](const TokenEvent& token) {
    if (token.index == 2) executor_->Pause();
  });
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 150;
  const SequenceId id = BeginText(std::move(request));
  executor_->AwaitPaused();  // in the step of the fourth token
  engine_->Cancel(id);
  executor_->Resume();
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(sink_->tokens().size(), 4u);
  EXPECT_EQ(engine_->Stats().counts.cancelled, 1);
  executor_->AwaitNoSlots();
  EXPECT_EQ(engine_->Stats().counts.kv_blocks_used, 0);
}

TEST_F(EngineTest, CancelsARequestThatWaitsForItsPages) {
  Start(HashModel);
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  FakePromptStream stream;
  SendPage(*id, *sink_, stream, kPage);
  sink_->AwaitPages(1);
  engine_->Cancel(*id);
  engine_->OfferPage(*id, kOther.Name(), stream.Page({}, kOther.grid));  // on their way
  engine_->AddPage(*id, kOther.Image());
  engine_->FinishPrompt(*id, stream.Text({7}));
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kCancelled);
  executor_->AwaitNoSlots();
}

TEST_F(EngineTest, AbortsWithTheErrorOfTheCaller) {
  Start(HashModel);
  const auto id = engine_->Begin(MakeRequest(sink_));
  engine_->Abort(*id, absl::InvalidArgumentError("bad page"));
  EXPECT_EQ(sink_->AwaitEnd(), absl::InvalidArgumentError("bad page"));
  EXPECT_EQ(engine_->Stats().counts.failed, 1);
}

TEST_F(EngineTest, EndsARequestAtItsDeadline) {
  Start(HashModel);
  Request request = MakeRequest(sink_);
  request.timeout = absl::Milliseconds(20);
  ASSERT_TRUE(engine_->Begin(std::move(request)).ok());  // and its pages never come
  const absl::Status status = sink_->AwaitEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "DEADLINE_EXCEEDED");
  EXPECT_EQ(engine_->Stats().counts.failed, 1);
}

TEST_F(EngineTest, RefusesADeadlineThatHasPassed) {
  Start(HashModel);
  Request request = MakeRequest(sink_);
  request.timeout = absl::ZeroDuration();
  EXPECT_EQ(engine_->Begin(std::move(request)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(sink_->ended());
}

TEST_F(EngineTest, RefusesAtOnceWhatCanNeverFit) {
  Start(HashModel);
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 151;  // with 50 of the prompt one above the context
  EXPECT_EQ(engine_->Begin(std::move(request)).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(EngineTest, StopsServingWhenLogitsKeepBeingNonFinite) {
  std::atomic<int> failures = 0;
  EngineOptions options;
  options.on_failure = [&failures] { ++failures; };
  Start([](const FakeQuery&) -> std::optional<int32_t> { return std::nullopt; }, options);
  for (int i = 0; i < 2; ++i) {
    auto sink = std::make_shared<RecordingSink>();
    BeginText(MakeRequest(sink));
    EXPECT_EQ(sink->AwaitEnd().code(), absl::StatusCode::kInternal);
  }
  EXPECT_TRUE(engine_->healthy());
  BeginText(MakeRequest(sink_));
  EXPECT_FALSE(sink_->AwaitEnd().ok());
  engine_.reset();
  EXPECT_EQ(failures, 1);
}

TEST_F(EngineTest, TellsEveryRequestWhenTheExecutorFails) {
  std::atomic<int> failures = 0;
  EngineOptions options;
  options.on_failure = [&failures] { ++failures; };
  Start(HashModel, options);
  executor_->Pause();
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  for (int i = 0; i < 5; ++i) {  // two slots: three of them wait
    sinks.push_back(std::make_shared<RecordingSink>());
    BeginText(MakeRequest(sinks.back()));
  }
  executor_->FailNextStep(absl::InternalError("at 0x7f00 in /secret"));
  executor_->Resume();
  for (const auto& sink : sinks) {
    const absl::Status status = sink->AwaitEnd();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(rpc::GetErrorDetails(status).reason, "EXECUTOR_FAILED");
    EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("secret")));
  }
  EXPECT_FALSE(engine_->healthy());
  EXPECT_EQ(engine_->Begin(MakeRequest(sink_)).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine_->Stats().counts.failed, 5);
  engine_.reset();
  EXPECT_EQ(failures, 1);
}

TEST_F(EngineTest, BoundsTheQueue) {
  EngineOptions options;
  options.max_waiting = 3;
  Start(HashModel, options);
  executor_->Pause();
  std::vector<std::shared_ptr<RecordingSink>> sinks;
  const auto begin = [&] {
    sinks.push_back(std::make_shared<RecordingSink>());
    return engine_->Begin(MakeRequest(sinks.back()));
  };
  for (int i = 0; i < 2; ++i) {  // fill both slots
    ASSERT_TRUE(begin().ok());
    sinks.back()->AwaitAdmitted();
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(begin().ok());
  EXPECT_EQ(engine_->Stats().waiting, 3);
  const absl::Status full = begin().status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(full).reason, "QUEUE_FULL");
  executor_->Resume();
}

TEST_F(EngineTest, RefusesARequestIdInUseAndTakesItAfterTheEnd) {
  Start(Says("x"));
  Request first = MakeRequest(sink_);
  first.id = "same";
  const auto id = engine_->Begin(std::move(first));
  ASSERT_TRUE(id.ok());
  auto second_sink = std::make_shared<RecordingSink>();
  Request second = MakeRequest(second_sink);
  second.id = "same";
  EXPECT_EQ(engine_->Begin(second).status().code(), absl::StatusCode::kAlreadyExists);
  engine_->FinishPrompt(*id, FakeText({1}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_TRUE(engine_->Begin(second).ok());
}

TEST_F(EngineTest, DrainsByRefusingNewRequestsOnly) {
  Start(Says("hello"));
  executor_->Pause();
  BeginText(MakeRequest(sink_));
  engine_->Drain();
  const absl::Status refused =
      engine_->Begin(MakeRequest(std::make_shared<RecordingSink>())).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rpc::GetErrorDetails(refused).reason, "DRAINING");
  executor_->Resume();
  EXPECT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_TRUE(engine_->healthy());
}

TEST_F(EngineTest, EndsOpenRequestsWhenDestroyed) {
  Start(HashModel);
  ASSERT_TRUE(engine_->Begin(MakeRequest(sink_)).ok());
  engine_.reset();
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace glyph::vlm
