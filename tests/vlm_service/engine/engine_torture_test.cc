#include <array>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/fakes/recording_sink.h"
#include "vlm_service/engine/engine.h"

namespace glyph::vlm {
namespace {

// Small: requests wait, preempt each other and take each other's cached blocks.
constexpr ExecutorLimits kSmall = {.num_blocks = 40,
                                   .block_tokens = 8,
                                   .max_slots = 8,
                                   .max_vision_tokens = 60,
                                   .context_tokens = 300,
                                   .vision_layers = 3,
                                   .max_steps_in_flight = 2};
constexpr ExecutorLimits kAlone = {.num_blocks = 40,
                                   .block_tokens = 8,
                                   .max_slots = 1,
                                   .max_vision_tokens = 400,
                                   .context_tokens = 300};

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

TokenMeaning Meaning() {
  return {[](int32_t) { return std::string_view("x"); }, {}};
}

// Where a request may be cancelled.
enum Stage {
  kBegun,
  kAdmitted,
  kOffered,
  kDecided,
  kSent,
  kEncoded,
  kPromptFinished,
  kToken,
  kNumStages,
  kNever,
};

struct Document {
  std::vector<FakePage> pages;
  std::vector<int32_t> text;
  Request request;
};

// One client's way through a request. Returns how it ended.
class Conversation {
 public:
  Conversation(Engine& engine, const Document& document, Stage cancel)
      : engine_(engine), document_(document), cancel_(cancel) {}

  absl::Status Run() {
    Request request = document_.request;
    request.sink = sink_;
    const auto id = engine_.Begin(std::move(request));
    if (!id.ok()) return id.status();
    id_ = *id;
    Reach(kBegun);
    sink_->AwaitAdmitted();
    Reach(kAdmitted);
    FakePromptStream stream;
    for (size_t i = 0; i < document_.pages.size(); ++i) SendPage(stream, i);
    engine_.FinishPrompt(id_, stream.Text(document_.text));
    Reach(kPromptFinished);
    if (cancel_ == kToken) sink_->AwaitTokens(1 + document_.text.size() % 10);
    Reach(kToken);
    return sink_->AwaitEnd();
  }

  const RecordingSink& sink() const { return *sink_; }

 private:
  void SendPage(FakePromptStream& stream, size_t index) {
    const FakePage& page = document_.pages[index];
    engine_.OfferPage(id_, page.Name(document_.request.tenant), stream.Page({9}, page.grid));
    Reach(kOffered);
    const std::optional<bool> have = sink_->AwaitDecision(index);
    if (!have) return;
    Reach(kDecided);
    if (!*have) engine_.AddPage(id_, page.Image());
    Reach(kSent);
    if (cancel_ == kEncoded) sink_->AwaitPages(index + 1);
    Reach(kEncoded);
  }

  void Reach(Stage stage) {
    if (stage == cancel_) engine_.Cancel(id_);
  }

  Engine& engine_;
  const Document& document_;
  const Stage cancel_;
  const std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
  SequenceId id_{};
};

// What the document's samples get on a machine of their own that shares nothing.
void ExpectAsIfAlone(const Document& document, const RecordingSink& sink) {
  for (int32_t sample = 0; sample < document.request.num_samples; ++sample) {
    EngineOptions options;
    options.budget.reuse_prefixes = false;
    Engine engine(std::make_unique<FakeStepExecutor>(kAlone), Meaning(), SteadyNow, options);
    Document alone = document;
    alone.request.num_samples = 1;
    alone.request.sampling.seed += static_cast<uint64_t>(sample);
    Conversation conversation(engine, alone, kNever);
    ASSERT_TRUE(conversation.Run().ok());
    ASSERT_EQ(sink.tokens(sample), conversation.sink().tokens());
  }
}

// One client thread: requests one after the other, most of them cancelled somewhere.
class TortureClient {
 public:
  TortureClient(Engine& engine, uint32_t seed) : engine_(engine), random_(seed), seed_(seed) {}

  void Run(int num_cancels) {
    while (cancelled_ < num_cancels) RunOne();
  }
  int finished() const { return finished_; }
  int cancelled() const { return cancelled_; }
  const std::array<int, kNumStages>& cancelled_at() const { return cancelled_at_; }

 private:
  Document RandomDocument() {
    Document document;
    for (int i = Below(4); i > 0; --i) {
      const int kind = Below(5);
      document.pages.push_back({static_cast<uint8_t>(kind), {1 + kind, 6}});
    }
    document.text.assign(static_cast<size_t>(1 + Below(30)), Below(3));
    Request& request = document.request;
    request.id = std::to_string(seed_) + "-" + std::to_string(next_++);
    request.max_prompt_tokens = 130;
    request.max_output_tokens = 1 + Below(60);
    request.sampling.seed = random_();
    request.num_samples = Below(4) == 0 ? 1 + Below(4) : 1;
    request.priority = Below(2);
    request.tenant = std::string(1, static_cast<char>('a' + Below(2)));
    return document;
  }

  void RunOne() {
    const Document document = RandomDocument();
    const auto stage = static_cast<Stage>(Below(5) == 0 ? kNever : Below(kNumStages));
    Conversation conversation(engine_, document, stage);
    const absl::Status status = conversation.Run();
    if (status.ok()) {
      ++finished_;
      if (finished_ % 8 == 0) ExpectAsIfAlone(document, conversation.sink());
    } else {
      ASSERT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
      ++cancelled_;
      ++cancelled_at_[static_cast<size_t>(stage)];
    }
  }

  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  Engine& engine_;
  std::mt19937 random_;
  const uint32_t seed_;
  int next_ = 0;
  int finished_ = 0;
  int cancelled_ = 0;
  std::array<int, kNumStages> cancelled_at_ = {};
};

TEST(EngineTorture, LosesNothingUnderManyClientsWithCancels) {
  constexpr int kClients = 10;
  const int num_cancels = std::getenv("GLYPH_LONG") != nullptr ? 10'000 : 500;
  const uint32_t seed = 20261123;
  SCOPED_TRACE(seed);
  auto owned = std::make_unique<FakeStepExecutor>(kSmall);
  FakeStepExecutor& executor = *owned;
  EngineOptions options;
  options.budget = {.idle_ms = 3, .quantum_ms = 20};
  Engine engine(std::move(owned), Meaning(), SteadyNow, options);
  std::vector<TortureClient> clients;
  for (uint32_t i = 0; i < kClients; ++i) clients.emplace_back(engine, seed + i);
  std::vector<std::thread> threads;
  for (TortureClient& client : clients) {
    threads.emplace_back([&] { client.Run(num_cancels / kClients); });
  }
  for (std::thread& thread : threads) thread.join();
  int finished = 0, cancelled = 0;
  for (const TortureClient& client : clients) {
    finished += client.finished();
    cancelled += client.cancelled();
  }
  for (size_t stage = 0; stage < kNumStages; ++stage) {
    int count = 0;
    for (const TortureClient& client : clients) count += client.cancelled_at()[stage];
    EXPECT_GT(count, num_cancels / 40) << "at stage " << stage;
  }
  executor.AwaitNoSlots();
  const EngineStats stats = engine.Stats();
  EXPECT_GE(cancelled, num_cancels);
  EXPECT_EQ(stats.counts.finished, finished);
  EXPECT_EQ(stats.counts.cancelled, cancelled);
  EXPECT_EQ(stats.counts.failed, 0);
  EXPECT_EQ(stats.counts.kv_blocks_used, 0);
  EXPECT_EQ(stats.counts.vision_tokens_used, 0);
  EXPECT_EQ(stats.counts.running, 0);
  EXPECT_EQ(stats.waiting, 0);
  EXPECT_GT(stats.counts.scheduler.preemptions, 0);
  EXPECT_GT(stats.counts.scheduler.reused_tokens, 0);
  EXPECT_GT(stats.counts.scheduler.pages_reused, 0);
}

}  // namespace
}  // namespace glyph::vlm
