#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "gtest/gtest.h"
#include "tests/fakes/fake_step_executor.h"
#include "tests/vlm_service/scheduler/invariants.h"
#include "tests/vlm_service/scheduler/script.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {
namespace {

struct Config {
  const char* name;
  ExecutorLimits limits;
  StepBudget budget;
  ScriptRange range;
  int max_open = 16;      // requests at once
  int cancels = 10;       // per mille of requests and steps
  int spoils = 0;         // per mille of steps: NaN
  int failures = 0;       // per mille of steps: out of memory
  bool preempts = false;  // it is expected to happen
  bool outlives = false;  // rows in flight are expected to outlive their sequences
};

// What the test knows of one request.
struct Client {
  Script script;
  size_t num_offered = 0;
  size_t num_decided = 0;
  std::vector<size_t> awaited;  // pages whose pixels are asked for
  bool finished_prompt = false;
  std::map<SequenceId, std::vector<int32_t>> tokens;  // of open samples, as they came
};

class RandomPlans {
 public:
  RandomPlans(const Config& config, uint32_t seed)
      : config_(config),
        random_(seed),
        executor_(config.limits),
        scheduler_(config.limits, config.budget),
        patience_(1000) {}

  void Step(bool arrivals) {
    ++num_steps_;
    if (arrivals && static_cast<int>(clients_.size()) < config_.max_open && Below(3) > 0) Arrive();
    for (auto& [id, client] : clients_) Advance(client);
    CancelSome();
    if (Below(1000) < config_.spoils) executor_.SpoilNextChunk();
    if (Below(1000) < config_.spoils) executor_.SpoilNextPage();
    Run();
    const std::set<SequenceId> open = Open();
    if (scheduler_.num_in_flight() == 0) ExpectConsistent(scheduler_, open, config_.limits);
    patience_.Observe(scheduler_, open);
    if (num_steps_ % 16 == 0) scheduler_.CheckIdle();
    if (!config_.budget.reuse_prefixes && num_steps_ % 4 == 0) ScrambleFreeBlocks();
  }

  // Runs all to their end; then nothing may be held.
  void Drain() {
    for (int step = 0; step < 20000 && !clients_.empty(); ++step) Step(/*arrivals=*/false);
    ASSERT_TRUE(clients_.empty());
    while (scheduler_.num_in_flight() > 0) Run();
    Run();  // hands the last releases over
    scheduler_.CheckIdle();
    EXPECT_EQ(executor_.num_used_slots(), 0);
    EXPECT_EQ(executor_.num_held_pages(), scheduler_.vision().num_pages());
    EXPECT_EQ(scheduler_.num_free_slots(), config_.limits.max_slots);
    EXPECT_EQ(num_ended_, num_begun_);
  }

  void ExpectEverythingHappened() const {
    const SchedulerCounts& counts = scheduler_.counts();
    std::printf(
        "%s: %d requests, %d samples compared, %d cancelled, %d with NaN, %d out of memory, %ld "
        "preemptions, %d steps ahead, "
        "%ld tokens run, %ld reused, %ld pages encoded, %ld reused, longest wait %d steps\n",
        config_.name, num_begun_, num_compared_, num_cancelled_, num_not_finite_, num_failed_,
        counts.preemptions, num_ahead_, counts.prefilled_tokens, counts.reused_tokens,
        counts.pages_encoded, counts.pages_reused, patience_.longest());
    EXPECT_GT(num_compared_, num_steps_ / 40);
    EXPECT_GT(num_cancelled_, 0);
    EXPECT_GT(counts.pages_encoded, 0);
    EXPECT_EQ(num_not_finite_ > 0, config_.spoils > 0);
    EXPECT_EQ(num_failed_ > 0, config_.failures > 0);
    EXPECT_EQ(num_ahead_ > 0, config_.limits.max_steps_in_flight > 1);
    EXPECT_TRUE(!config_.outlives || num_outlived_ > 0);
    EXPECT_TRUE(!config_.preempts || counts.preemptions > 0);
    if (config_.budget.reuse_prefixes) {
      EXPECT_GT(counts.reused_tokens, 0);
      EXPECT_GT(counts.pages_reused, 0);
    }
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint32_t>(bound)); }

  void Arrive() {
    Client client;
    client.script = RandomScript(random_, SequenceId{next_id_}, config_.range);
    const SequenceSpec& spec = client.script.spec;
    if (!CheckFits(spec, config_.limits).ok()) return;
    next_id_ += client.script.num_samples();
    ++num_begun_;
    client.tokens[spec.id] = spec.forced_output_ids;
    scheduler_.Enqueue(spec);
    clients_.emplace(spec.id, std::move(client));
  }

  // Does one of the things that may come next, at times.
  void Advance(Client& client) {
    const Script& script = client.script;
    const SequenceId id = script.spec.id;
    const int action = Below(4);
    if (action == 0 && client.num_offered < script.pages.size()) {
      const size_t page = client.num_offered++;
      scheduler_.OfferPage(id, script.pages[page].Name(script.spec.tenant), script.fragments[page]);
    } else if (action == 1 && !client.awaited.empty()) {
      scheduler_.AddPage(id, script.pages[client.awaited.front()].Image());
      client.awaited.erase(client.awaited.begin());
    } else if (action == 2 && !client.finished_prompt && client.awaited.empty() &&
               client.num_decided == script.pages.size()) {
      scheduler_.FinishPrompt(id, script.fragments.back());
      client.finished_prompt = true;
    }
  }

  void CancelSome() {
    for (auto it = clients_.begin(); it != clients_.end();) {
      const SequenceId id = (it++)->first;
      if (Below(1000) >= config_.cancels) continue;
      ++num_cancelled_;
      EndRequest(id);
    }
  }

  void Run() {
    if (Below(2) == 0) TakeNotices();
    if (scheduler_.num_in_flight() == 0) {
      scheduler_.Admit();
      StepPlan plan = scheduler_.Plan();
      if (plan.empty()) return TakeNotices();
      Submit(std::move(plan));
    }
    if (Below(2) == 0) TakeNotices();
    if (StepPlan ahead; Below(3) > 0 && !(ahead = scheduler_.PlanAhead()).empty()) {
      ++num_ahead_;
      Submit(std::move(ahead));
    }
    absl::StatusOr<StepResult> collected = executor_.Collect();
    if (!collected.ok()) return FailNewest();
    StepResult& result = *collected;
    // A machine of no steady speed, so that chunks come in all sizes.
    for (double* ms : {&result.vision_ms, &result.prefill_ms, &result.decode_ms}) {
      *ms *= 0.1 * Below(100);
    }
    const CommittedStep step = scheduler_.Commit(result);
    TakeNotices();
    ASSERT_EQ(step.rows.size(), result.tokens.size());
    std::set<SequenceId> rows;
    for (const std::optional<SequenceId> id : step.rows) {
      if (!id.has_value()) continue;
      ASSERT_TRUE(rows.insert(*id).second);
      OwnerOf(*id)->second.tokens[*id];  // forks begin
    }
    num_outlived_ += static_cast<int>(step.rows.size() - rows.size());
    for (size_t i = 0; i < step.rows.size(); ++i) {
      if (step.rows[i].has_value()) TakeToken(*step.rows[i], result.tokens[i]);
    }
  }

  void Submit(StepPlan plan) {
    if (Below(1000) < config_.failures) {
      executor_.FailNextStep(absl::ResourceExhaustedError("memory"), Below(2) == 0);
    }
    executor_.Submit(std::move(plan));
  }

  void FailNewest() {
    if (scheduler_.num_in_flight() > 1) executor_.Collect().IgnoreError();
    const std::optional<SequenceId> newest = scheduler_.Abandon();
    EXPECT_EQ(scheduler_.num_admitted(), 0);
    if (!newest.has_value()) return;
    ++num_failed_;
    EndRequest(OwnerOf(*newest)->first);
  }

  void TakeNotices() {
    const SchedulerNotices notices = scheduler_.TakeNotices();
    for (const auto& decision : notices.decisions) {
      Client& client = clients_.at(decision.id);
      ASSERT_EQ(decision.index, static_cast<int32_t>(client.num_decided++));
      if (!decision.have) client.awaited.push_back(static_cast<size_t>(decision.index));
    }
    for (const auto& admission : notices.admissions) {
      ASSERT_EQ(admission.again, !admitted_.insert(admission.id).second);
    }
    for (const auto& page : notices.pages) ASSERT_EQ(page.index, num_ready_[page.id]++);
  }

  // The request that a sample belongs to; end() once it has ended.
  std::map<SequenceId, Client>::iterator OwnerOf(SequenceId sample) {
    const auto after = clients_.upper_bound(sample);
    if (after == clients_.begin()) return clients_.end();
    const auto owner = std::prev(after);
    const int64_t index = static_cast<int64_t>(sample) - static_cast<int64_t>(owner->first);
    return index < owner->second.script.num_samples() ? owner : clients_.end();
  }

  void TakeToken(SequenceId id, const SampledToken& token) {
    if (not_finite_.contains(id)) return;  // ended in this step, by another sample
    const auto owner = OwnerOf(id);
    ASSERT_NE(owner, clients_.end());
    Client& client = owner->second;
    if (!token.finite) return FailRequest(owner->first, id);
    std::vector<int32_t>& tokens = client.tokens[id];
    tokens.push_back(token.token);
    admitted_.insert(id);
    ASSERT_EQ(scheduler_.Get(id).num_outputs(), static_cast<int64_t>(tokens.size()));
    if (static_cast<int64_t>(tokens.size()) < client.script.spec.max_output_tokens) return;
    Compare(client, id);
    scheduler_.Finish(id);
    client.tokens.erase(id);
    if (client.tokens.empty()) EndRequest(owner->first);
  }

  // What came is what the sample gets alone, as far as it came.
  void Compare(const Client& client, SequenceId id) {
    ++num_compared_;
    const std::vector<int32_t>& tokens = client.tokens.at(id);
    const int sample = static_cast<int>(static_cast<int64_t>(id)) -
                       static_cast<int>(static_cast<int64_t>(client.script.spec.id));
    ASSERT_EQ(tokens, AloneTokens(client.script, sample, tokens.size()));
  }

  void FailRequest(SequenceId id, SequenceId sample) {
    ++num_not_finite_;
    scheduler_.Poison(sample);
    for (int i = 0; i < clients_.at(id).script.num_samples(); ++i) {
      not_finite_.insert(SequenceId{static_cast<int64_t>(id) + i});
    }
    EndRequest(id);
  }

  void EndRequest(SequenceId id) {
    ++num_ended_;
    const auto node = clients_.extract(id);
    for (const auto& [sample, tokens] : node.mapped().tokens) {
      if (!not_finite_.contains(sample)) Compare(node.mapped(), sample);
      scheduler_.Finish(sample);
    }
  }

  std::set<SequenceId> Open() const {
    std::set<SequenceId> open;
    for (const auto& [id, client] : clients_) {
      for (const auto& [sample, tokens] : client.tokens) open.insert(sample);
    }
    return open;
  }

  void ScrambleFreeBlocks() {
    for (int32_t i = 0; i < config_.limits.num_blocks; ++i) {
      // Not those of slots that the executor forgets in the next step.
      if (scheduler_.pool().num_holders(BlockId{i}) == 0) executor_.Scramble(BlockId{i});
    }
  }

  const Config config_;
  std::mt19937 random_;
  FakeStepExecutor executor_;
  Scheduler scheduler_;
  PatienceChecker patience_;
  std::map<SequenceId, Client> clients_;  // by the id of their first sample
  std::set<SequenceId> admitted_;
  std::set<SequenceId> not_finite_;
  std::map<SequenceId, int32_t> num_ready_;  // pages
  int64_t next_id_ = 1;
  int num_steps_ = 0;
  int num_begun_ = 0;
  int num_ended_ = 0;
  int num_compared_ = 0;
  int num_cancelled_ = 0;
  int num_not_finite_ = 0;
  int num_failed_ = 0;
  int num_ahead_ = 0;     // steps that were planned before the last was committed
  int num_outlived_ = 0;  // their rows whose sequences had ended
};

constexpr ExecutorLimits kRoomy = {.num_blocks = 200,
                                   .block_tokens = 8,
                                   .max_slots = 12,
                                   .max_vision_tokens = 100,
                                   .context_tokens = 400,
                                   .vision_layers = 3,
                                   .vision_unit_tokens = 7};

ExecutorLimits Ahead(ExecutorLimits limits) {
  limits.max_steps_in_flight = 2;
  return limits;
}

ExecutorLimits With(int32_t num_blocks, int32_t max_slots, int64_t max_vision_tokens) {
  ExecutorLimits limits = kRoomy;
  limits.num_blocks = num_blocks;
  limits.max_slots = max_slots;
  limits.max_vision_tokens = max_vision_tokens;
  return limits;
}

const std::vector<Config> kConfigs = {
    {.name = "roomy", .limits = Ahead(kRoomy), .budget = {}, .range = {.max_samples = 8}},
    {.name = "no caches, any chunks",
     .limits = kRoomy,
     .budget = {.idle_ms = 3, .quantum_ms = 10, .max_chunk_tokens = 30, .reuse_prefixes = false},
     .range = {.max_samples = 8, .num_priorities = 3}},
    {.name = "a pool four times too small",
     .limits = With(50, 12, 60),
     .budget = {.idle_ms = 5, .quantum_ms = 20},
     .range = {.max_page_tokens = 30, .max_outputs = 100, .max_samples = 4},
     .preempts = true},
    {.name = "a small pool without caches",
     .limits = Ahead(With(50, 12, 60)),
     .budget = {.idle_ms = 5, .quantum_ms = 20, .reuse_prefixes = false},
     .range = {.max_page_tokens = 30, .max_outputs = 100, .max_samples = 4, .num_priorities = 2},
     .preempts = true},
    {.name = "long documents in a small arena",
     .limits = With(120, 8, 60),
     .budget = {.idle_ms = 2, .quantum_ms = 5},
     .range = {.max_pages = 9, .max_page_tokens = 30, .max_text = 4, .max_samples = 8},
     .max_open = 24},
    {.name = "NaN",
     .limits = Ahead(With(80, 10, 60)),
     .budget = {.idle_ms = 5, .quantum_ms = 20},
     .range = {.max_page_tokens = 30, .max_samples = 4},
     .spoils = 10},
    {.name = "memory runs out",
     .limits = With(80, 10, 60),
     .budget = {.idle_ms = 5, .quantum_ms = 20},
     .range = {.max_page_tokens = 30, .max_samples = 4},
     .failures = 10},
    {.name = "a few who mostly decode",
     .limits = Ahead(With(60, 4, 60)),
     .budget = {},
     .range = {.max_page_tokens = 30, .max_outputs = 100, .max_samples = 2},
     .max_open = 3,
     .cancels = 30,
     .spoils = 5,
     .failures = 5,
     .outlives = true},
    {.name = "memory runs out without caches",
     .limits = Ahead(With(80, 10, 60)),
     .budget = {.idle_ms = 3, .quantum_ms = 20, .reuse_prefixes = false},
     .range = {.max_page_tokens = 30, .max_samples = 8},
     .failures = 10},
};

TEST(SchedulerRandom, AnswersEverybodyAsIfAlone) {
  const int num_steps = std::getenv("GLYPH_LONG") != nullptr ? 1'000'000 : 20'000;
  const int seeds = 3;
  for (const Config& config : kConfigs) {
    for (uint32_t seed = 1; seed <= seeds; ++seed) {
      SCOPED_TRACE(testing::Message() << config.name << ", seed " << seed);
      RandomPlans plans(config, seed);
      const int steps = num_steps / (seeds * static_cast<int>(kConfigs.size()));
      for (int step = 0; step < steps; ++step) {
        plans.Step(/*arrivals=*/true);
        ASSERT_FALSE(testing::Test::HasFatalFailure());
      }
      plans.Drain();
      plans.ExpectEverythingHappened();
    }
  }
}

}  // namespace
}  // namespace glyph::vlm
