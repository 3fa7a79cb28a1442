#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"
#include "tests/fakes/fake_step_executor.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {
namespace {

constexpr ExecutorLimits kExecutorLimits = {.num_blocks = 60,
                                            .block_tokens = 8,
                                            .max_slots = 7,
                                            .max_vision_tokens = 90,
                                            .context_tokens = 300};
constexpr SchedulerLimits kLimits = {.num_blocks = kExecutorLimits.num_blocks,
                                     .block_tokens = kExecutorLimits.block_tokens,
                                     .num_slots = kExecutorLimits.max_slots,
                                     .vision_tokens = kExecutorLimits.max_vision_tokens,
                                     .context_tokens = kExecutorLimits.context_tokens};

// What the test knows of one sequence.
struct Client {
  SequenceSpec spec;
  std::vector<PageGrid> grids;
  std::vector<uint8_t> keys;
  std::vector<int32_t> text;
  bool admitted = false;
  size_t pages_sent = 0;
  bool prompt_sent = false;
  std::vector<int32_t> tokens;  // as they came
};

// The answer a sequence gets when it is alone.
std::vector<int32_t> AloneTokens(const Client& client, size_t count) {
  FakeStepExecutor executor(kExecutorLimits);
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(client.spec);
  scheduler.Admit();
  for (size_t i = 0; i < client.grids.size(); ++i) {
    scheduler.AddPage(client.spec.id, FakePage(client.keys[i]), client.grids[i]);
  }
  scheduler.FinishPrompt(client.spec.id, FakePrompt(client.grids, client.text));
  std::vector<int32_t> tokens;
  while (tokens.size() < count) {
    executor.Submit(scheduler.Plan());
    const auto result = executor.Collect();
    scheduler.Commit();
    for (const SampledToken& token : result->tokens) tokens.push_back(token.token);
  }
  return tokens;
}

class RandomPlans {
 public:
  explicit RandomPlans(uint32_t seed)
      : random_(seed), executor_(kExecutorLimits), scheduler_(kLimits, {20, 60}) {}

  void Step(bool arrivals) {
    if (arrivals && Chance(40)) Arrive();
    for (auto& [id, client] : clients_) Advance(client);
    CancelSome();
    for (const Admission& admission : scheduler_.Admit()) {
      clients_.at(admission.id).admitted = true;
    }
    Run();
    CheckInvariants();
  }

  bool idle() const { return clients_.empty(); }
  int64_t num_ended() const { return num_ended_; }

  void ExpectNothingLeft() {
    EXPECT_EQ(scheduler_.num_used_blocks(), 0);
    EXPECT_EQ(scheduler_.num_free_slots(), kLimits.num_slots);
    EXPECT_EQ(scheduler_.vision_tokens_reserved(), 0);
    EXPECT_EQ(executor_.num_used_slots(), 0);
    EXPECT_EQ(executor_.num_held_pages(), 0);
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }
  bool Chance(int percent) { return Below(100) < percent; }

  void Arrive() {
    Client client;
    const int num_pages = Chance(60) ? Below(4) : 0;
    int64_t visual = 0;
    for (int i = 0; i < num_pages; ++i) {
      client.grids.push_back({1 + Below(4), 1 + Below(6)});
      client.keys.push_back(static_cast<uint8_t>(Below(256)));
      visual += client.grids.back().num_tokens();
    }
    const int num_text = 1 + Below(40);
    for (int i = 0; i < num_text; ++i) client.text.push_back(Below(300));
    client.spec.id = SequenceId{next_id_++};
    client.spec.max_visual_tokens = std::min<int64_t>(visual + Below(10), 90);
    client.spec.max_prompt_tokens = client.spec.max_visual_tokens + num_text + Below(20);
    client.spec.max_output_tokens = 1 + Below(60);
    if (!CheckFits(client.spec, kLimits).ok()) return;
    scheduler_.Enqueue(client.spec);
    clients_[client.spec.id] = client;
  }

  // Sends the next page or the prompt, at times.
  void Advance(Client& client) {
    if (client.prompt_sent || !Chance(50)) return;
    if (client.pages_sent < client.grids.size()) {
      if (!client.admitted) return;
      const size_t page = client.pages_sent++;
      scheduler_.AddPage(client.spec.id, FakePage(client.keys[page]), client.grids[page]);
    } else {
      scheduler_.FinishPrompt(client.spec.id, FakePrompt(client.grids, client.text));
      client.prompt_sent = true;
    }
  }

  void CancelSome() {
    for (auto it = clients_.begin(); it != clients_.end();) {
      const bool cancel = Below(1000) < 15;
      if (cancel) CheckHistory(it->second);
      if (cancel) scheduler_.Finish(it->first);
      it = cancel ? clients_.erase(it) : std::next(it);
    }
  }

  void Run() {
    StepPlan plan = scheduler_.Plan();
    if (plan.empty()) return;
    executor_.Submit(std::move(plan));
    const auto result = executor_.Collect();
    const CommittedStep step = scheduler_.Commit();
    ASSERT_EQ(step.rows.size(), result->tokens.size());
    for (size_t i = 0; i < step.rows.size(); ++i) {
      Client& client = clients_.at(step.rows[i]);
      client.tokens.push_back(result->tokens[i].token);
      if (static_cast<int64_t>(client.tokens.size()) == client.spec.max_output_tokens) {
        CheckHistory(client);
        scheduler_.Finish(step.rows[i]);
        clients_.erase(step.rows[i]);
      }
    }
  }

  void CheckHistory(const Client& client) {
    ++num_ended_;
    if (num_ended_ % 10 != 0 || client.tokens.empty()) return;
    EXPECT_EQ(client.tokens, AloneTokens(client, client.tokens.size()));
  }

  void CheckInvariants() {
    int32_t num_admitted = 0;
    for (const auto& [id, client] : clients_) num_admitted += client.admitted ? 1 : 0;
    ASSERT_EQ(scheduler_.num_admitted(), num_admitted);
    ASSERT_EQ(scheduler_.num_free_slots() + num_admitted, kLimits.num_slots);
    ASSERT_EQ(scheduler_.num_waiting() + num_admitted, static_cast<int32_t>(clients_.size()));
    ASSERT_LE(scheduler_.vision_tokens_reserved(), kLimits.vision_tokens);
    int64_t blocks = 0;
    for (const auto& [id, client] : clients_) {
      if (!client.admitted) continue;
      const int64_t prompt =
          client.prompt_sent
              ? static_cast<int64_t>(FakePrompt(client.grids, client.text)->ids.size())
              : client.spec.max_prompt_tokens;
      blocks += BlocksFor(prompt + client.spec.max_output_tokens, kLimits);
    }
    ASSERT_EQ(scheduler_.num_used_blocks(), blocks);
  }

  std::mt19937 random_;
  FakeStepExecutor executor_;
  Scheduler scheduler_;
  std::map<SequenceId, Client> clients_;
  int64_t next_id_ = 1;
  int64_t num_ended_ = 0;
};

TEST(SchedulerRandom, KeepsItsInvariantsOverRandomPlans) {
  const int num_steps = std::getenv("GLYPH_LONG") != nullptr ? 20000 : 2000;
  for (const uint32_t seed : {1u, 20261123u, 77u}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomPlans plans(seed);
    for (int step = 0; step < num_steps; ++step) {
      plans.Step(/*arrivals=*/true);
      ASSERT_FALSE(testing::Test::HasFatalFailure());
    }
    for (int step = 0; step < 100000 && !plans.idle(); ++step) plans.Step(/*arrivals=*/false);
    plans.Step(/*arrivals=*/false);  // hands the last releases to the executor
    EXPECT_TRUE(plans.idle());
    EXPECT_GT(plans.num_ended(), num_steps / 20);
    plans.ExpectNothingLeft();
  }
}

}  // namespace
}  // namespace glyph::vlm
