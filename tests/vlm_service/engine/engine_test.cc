#include "vlm_service/engine/engine.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"
#include "tests/fakes/fake_prompt.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/fakes/recording_sink.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr PageGrid kGrid = {2, 5};  // 10 tokens
constexpr ExecutorLimits kLimits = {.num_blocks = 40,
                                    .block_tokens = 8,
                                    .max_slots = 2,
                                    .max_vision_tokens = 60,
                                    .context_tokens = 200};
constexpr int32_t kStopId = 500;

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Tokens 0..255 write their byte, all others nothing.
std::string_view TokenBytes(int32_t id) {
  static const std::string bytes = [] {
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    return all;
  }();
  return id >= 0 && id < 256 ? std::string_view(bytes).substr(static_cast<size_t>(id), 1) : "";
}

// Answers with `answer`, then the stop id for ever.
FakeModel Says(std::string answer) {
  return [answer](std::span<const int32_t> cached, size_t prompt_tokens) -> std::optional<int32_t> {
    const size_t index = cached.size() - prompt_tokens;
    return index < answer.size() ? static_cast<unsigned char>(answer[index]) : kStopId;
  };
}

class EngineTest : public testing::Test {
 protected:
  void Start(FakeModel model, EngineOptions options = {}) {
    auto executor = std::make_unique<FakeStepExecutor>(kLimits, std::move(model));
    executor_ = executor.get();
    engine_ = std::make_unique<Engine>(std::move(executor), TokenMeaning{TokenBytes, {kStopId}},
                                       SteadyNow, std::move(options));
  }

  Request MakeRequest(const std::shared_ptr<RecordingSink>& sink) {
    Request request;
    request.id = "r" + std::to_string(next_id_++);
    request.max_prompt_tokens = 50;
    request.max_visual_tokens = 30;
    request.max_output_tokens = 20;
    request.sink = sink;
    return request;
  }

  // A request whose prompt is complete at once.
  SequenceId BeginText(Request request) {
    const auto id = engine_->Begin(std::move(request));
    EXPECT_TRUE(id.ok()) << id.status();
    engine_->FinishPrompt(*id, FakePrompt({}, {1, 2, 3}));
    return *id;
  }

  std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
  std::unique_ptr<Engine> engine_;
  FakeStepExecutor* executor_ = nullptr;
  int next_id_ = 0;
};

TEST_F(EngineTest, AnswersUntilTheStopToken) {
  Start(Says("hello"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  engine_->FinishPrompt(*id, FakePrompt({}, {1, 2, 3}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->text(), "hello");
  EXPECT_EQ(sink_->finished()->reason, FinishReason::kStop);
  EXPECT_EQ(sink_->finished()->prompt_tokens, 3);
  EXPECT_EQ(sink_->finished()->output_tokens, 6);
  EXPECT_EQ(sink_->tokens().back(), kStopId);
  EXPECT_EQ(sink_->admission().reserved_tokens, 72);  // 50 + 20 in blocks of 8
}

TEST_F(EngineTest, EndsAtTheLengthLimitWithTheTextHeldBack) {
  Start(Says("0123456789\xE4"));
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 11;
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->finished()->reason, FinishReason::kLength);
  EXPECT_EQ(sink_->finished()->tail_text, "\xEF\xBF\xBD");
  EXPECT_EQ(sink_->text(), "0123456789\xEF\xBF\xBD");
}

TEST_F(EngineTest, EndsBeforeAStopString) {
  Start(Says("one. two"));
  Request request = MakeRequest(sink_);
  request.stop = {". "};
  BeginText(std::move(request));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->text(), "one");
  EXPECT_EQ(sink_->finished()->reason, FinishReason::kStopString);
  EXPECT_EQ(sink_->finished()->output_tokens, 5);
}

TEST_F(EngineTest, EncodesPagesAsTheyCome) {
  Start(Says("x"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  engine_->AddPage(*id, FakePage(1), kGrid);
  sink_->AwaitPages(1);
  EXPECT_FALSE(sink_->ended());
  engine_->AddPage(*id, FakePage(2), kGrid);
  engine_->FinishPrompt(*id, FakePrompt({kGrid, kGrid}, {7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->pages()[1].visual_tokens, 10);
  EXPECT_EQ(sink_->finished()->visual_tokens, 20);
  EXPECT_EQ(sink_->finished()->prompt_tokens, 21);
  EXPECT_EQ(sink_->finished()->vision_time, absl::Milliseconds(2));  // the fake's 1 ms a page
  executor_->AwaitEmpty();
}

TEST_F(EngineTest, CountsARequestThatWaitsForItsPagesAsRunning) {
  Start(HashModel);
  ASSERT_TRUE(engine_->Begin(MakeRequest(sink_)).ok());
  sink_->AwaitAdmitted();
  EXPECT_EQ(engine_->Stats().counts.running, 1);
  EXPECT_EQ(engine_->Stats().counts.kv_blocks_used, 9);  // 50 + 20 tokens in blocks of 8
  EXPECT_EQ(engine_->Stats().waiting, 0);
}

TEST_F(EngineTest, CancelsWithinOneStep) {
  Start(HashModel);
  sink_ = std::make_shared<RecordingSink>([this](int64_t index) {
    if (index == 2) executor_->Pause();
  });
  Request request = MakeRequest(sink_);
  request.max_output_tokens = 150;
  const SequenceId id = BeginText(std::move(request));
  executor_->AwaitPaused();  // in the step of the fourth token
  engine_->Cancel(id);
  executor_->Resume();
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(sink_->tokens().size(), 4u);
  EXPECT_EQ(engine_->Stats().counts.kv_blocks_used, 0);
  EXPECT_EQ(engine_->Stats().counts.cancelled, 1);
  executor_->AwaitEmpty();
}

TEST_F(EngineTest, CancelsARequestThatWaitsForItsPages) {
  Start(HashModel);
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  engine_->AddPage(*id, FakePage(1), kGrid);
  sink_->AwaitPages(1);
  engine_->Cancel(*id);
  engine_->AddPage(*id, FakePage(2), kGrid);  // on its way when the request ended
  engine_->FinishPrompt(*id, FakePrompt({kGrid, kGrid}, {7}));
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kCancelled);
  executor_->AwaitEmpty();
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

TEST_F(EngineTest, FailsOnlyTheRequestWithNonFiniteLogits) {
  Start([](std::span<const int32_t> cached, size_t prompt_tokens) -> std::optional<int32_t> {
    if (prompt_tokens == 4 && cached.size() == 6) return std::nullopt;
    return HashModel(cached, prompt_tokens);
  });
  auto bad_sink = std::make_shared<RecordingSink>();
  const auto bad = engine_->Begin(MakeRequest(bad_sink));
  engine_->FinishPrompt(*bad, FakePrompt({}, {9, 9, 9, 9}));
  BeginText(MakeRequest(sink_));
  const absl::Status status = bad_sink->AwaitEnd();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "NON_FINITE_LOGITS");
  EXPECT_EQ(bad_sink->tokens().size(), 2u);
  EXPECT_TRUE(sink_->AwaitEnd().ok());
  EXPECT_EQ(sink_->tokens().size(), 20u);
  EXPECT_TRUE(engine_->healthy());
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
  engine_->FinishPrompt(*id, FakePrompt({}, {1}));
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

TEST_F(EngineTest, FailsARequestWhosePromptBreaksItsBound) {
  Start(HashModel);
  const auto id = engine_->Begin(MakeRequest(sink_));
  engine_->FinishPrompt(*id, FakePrompt({}, std::vector<int32_t>(51, 1)));
  EXPECT_EQ(sink_->AwaitEnd().code(), absl::StatusCode::kInternal);
}

TEST_F(EngineTest, CountsWhatItDid) {
  Start(Says("abc"));
  const auto id = engine_->Begin(MakeRequest(sink_));
  sink_->AwaitAdmitted();
  engine_->AddPage(*id, FakePage(1), kGrid);
  engine_->FinishPrompt(*id, FakePrompt({kGrid}, {7}));
  ASSERT_TRUE(sink_->AwaitEnd().ok());
  const EngineStats stats = engine_->Stats();
  EXPECT_EQ(stats.kv_blocks_total, 40);
  EXPECT_EQ(stats.block_tokens, 8);
  EXPECT_EQ(stats.counts.prompt_tokens, 11);
  EXPECT_EQ(stats.counts.output_tokens, 4);
  EXPECT_EQ(stats.counts.pages_encoded, 1);
  EXPECT_EQ(stats.counts.finished, 1);
  EXPECT_EQ(stats.counts.running, 0);
  EXPECT_GE(stats.counts.steps, 4);
  std::vector<std::string> components;
  for (const MemoryGauge& gauge : stats.memory) components.push_back(gauge.component);
  EXPECT_THAT(components, ElementsAre("process", "vision", "weights"));
}

}  // namespace
}  // namespace glyph::vlm
