#include <algorithm>
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

constexpr ExecutorLimits kLimits = {.num_blocks = 60,
                                    .block_tokens = 8,
                                    .max_slots = 6,
                                    .max_vision_tokens = 60,
                                    .context_tokens = 300};

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

std::vector<int32_t> AloneTokens(const std::vector<uint8_t>& keys, PageGrid grid,
                                 const std::vector<int32_t>& text, int64_t num_tokens) {
  auto executor = std::make_unique<FakeStepExecutor>(kLimits);
  Engine engine(std::move(executor), {[](int32_t) { return std::string_view("x"); }, {}}, SteadyNow,
                {});
  auto sink = std::make_shared<RecordingSink>();
  Request request;
  request.id = "alone";
  request.max_prompt_tokens = 120;
  request.max_visual_tokens = 60;
  request.max_output_tokens = num_tokens;
  request.sink = sink;
  const auto id = engine.Begin(std::move(request));
  sink->AwaitAdmitted();
  for (const uint8_t key : keys) engine.AddPage(*id, FakePage(key), grid);
  engine.FinishPrompt(*id, FakePrompt(std::vector<PageGrid>(keys.size(), grid), text));
  EXPECT_TRUE(sink->AwaitEnd().ok());
  return sink->tokens();
}

// One client thread: requests one after the other, cancelled at a random place now and then.
class TortureClient {
 public:
  TortureClient(Engine& engine, uint32_t seed) : engine_(engine), random_(seed), seed_(seed) {}

  void Run(int num_requests) {
    for (int i = 0; i < num_requests; ++i) RunOne(i);
  }
  int finished() const { return finished_; }
  int cancelled() const { return cancelled_; }

 private:
  void RunOne(int index) {
    auto sink = std::make_shared<RecordingSink>();
    const PageGrid grid = {1 + Below(3), 1 + Below(5)};
    std::vector<uint8_t> keys(static_cast<size_t>(Below(4)));
    for (uint8_t& key : keys) key = static_cast<uint8_t>(Below(256));
    const std::vector<int32_t> text(static_cast<size_t>(1 + Below(30)), Below(300));
    Request request;
    request.id = std::to_string(seed_) + "-" + std::to_string(index);
    request.max_prompt_tokens = 120;
    request.max_visual_tokens = static_cast<int64_t>(keys.size()) * grid.num_tokens();
    request.max_output_tokens = 1 + Below(40);
    request.sink = sink;
    const int64_t num_output = request.max_output_tokens;
    const int cancel_stage = Below(3) == 0 ? Below(6) : -1;
    const auto id = engine_.Begin(std::move(request));
    ASSERT_TRUE(id.ok()) << id.status();
    if (cancel_stage == 0) engine_.Cancel(*id);
    sink->AwaitAdmitted();
    if (cancel_stage == 1) engine_.Cancel(*id);
    if (!sink->admitted()) return End(*sink, keys, grid, text, num_output);
    for (const uint8_t key : keys) engine_.AddPage(*id, FakePage(key), grid);
    if (cancel_stage == 2) engine_.Cancel(*id);
    if (cancel_stage == 3) sink->AwaitPages(std::min<size_t>(1, keys.size()));
    if (cancel_stage == 3) engine_.Cancel(*id);
    engine_.FinishPrompt(*id, FakePrompt(std::vector<PageGrid>(keys.size(), grid), text));
    if (cancel_stage == 4) engine_.Cancel(*id);
    if (cancel_stage == 5) sink->AwaitTokens(static_cast<size_t>(1 + Below(10)));
    if (cancel_stage == 5) engine_.Cancel(*id);
    End(*sink, keys, grid, text, num_output);
  }

  void End(RecordingSink& sink, const std::vector<uint8_t>& keys, PageGrid grid,
           const std::vector<int32_t>& text, int64_t num_output) {
    const absl::Status status = sink.AwaitEnd();
    if (status.ok()) {
      ++finished_;
      EXPECT_EQ(sink.tokens(), AloneTokens(keys, grid, text, num_output));
    } else {
      ++cancelled_;
      EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
    }
  }

  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  Engine& engine_;
  std::mt19937 random_;
  const uint32_t seed_;
  int finished_ = 0;
  int cancelled_ = 0;
};

TEST(EngineTorture, LosesNothingUnderManyClientsWithCancels) {
  const int num_requests = std::getenv("GLYPH_LONG") != nullptr ? 1000 : 40;
  const uint32_t seed = 20261123;
  SCOPED_TRACE(seed);
  auto owned = std::make_unique<FakeStepExecutor>(kLimits);
  FakeStepExecutor& executor = *owned;
  Engine engine(std::move(owned), {[](int32_t) { return std::string_view("x"); }, {}}, SteadyNow,
                {});
  std::vector<TortureClient> clients;
  for (uint32_t i = 0; i < 10; ++i) clients.emplace_back(engine, seed + i);
  std::vector<std::thread> threads;
  for (TortureClient& client : clients) {
    threads.emplace_back([&client, num_requests] { client.Run(num_requests); });
  }
  for (std::thread& thread : threads) thread.join();
  int finished = 0, cancelled = 0;
  for (const TortureClient& client : clients) {
    finished += client.finished();
    cancelled += client.cancelled();
  }
  executor.AwaitEmpty();
  const EngineStats stats = engine.Stats();
  EXPECT_EQ(finished + cancelled, 10 * num_requests);
  EXPECT_GT(cancelled, num_requests);
  EXPECT_EQ(stats.counts.finished, finished);
  EXPECT_EQ(stats.counts.cancelled, cancelled);
  EXPECT_EQ(stats.counts.failed, 0);
  EXPECT_EQ(stats.counts.kv_blocks_used, 0);
  EXPECT_EQ(stats.counts.running, 0);
  EXPECT_EQ(stats.waiting, 0);
}

}  // namespace
}  // namespace glyph::vlm
