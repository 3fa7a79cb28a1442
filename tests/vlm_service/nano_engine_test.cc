// The engine on the real model: whatever the scheduler does, in float32 every request gets the
// tokens it gets alone.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "tests/fakes/engine_client.h"
#include "tests/fakes/failing_allocator.h"
#include "vlm_service/model_folder.h"

namespace glyph::vlm {
namespace {

constexpr char kSamples[] = "tests/golden/nano_samples/";

std::shared_ptr<const PageImage> ReadPage(const std::string& file, uint8_t key) {
  auto page = std::make_shared<PageImage>(ReadRenderedPage(file));
  page->key[0] = key;
  return page;
}

// 64 of every kind: transcriptions, searches over several pages, text alone, greedy and drawn with
// every penalty; every fourth page is that of an earlier request.
std::vector<EngineQuestion> MixedQuestions() {
  std::ifstream file(std::string(kSamples) + "pages.json");
  std::vector<EngineQuestion> questions;
  std::vector<std::shared_ptr<const PageImage>> known;
  for (int i = 0; i < 16; ++i) {  // first, so that they run together and outgrow a small pool
    questions.emplace_back().text = "Tell me about number " + std::to_string(i);
  }
  for (const auto& item : nlohmann::json::parse(file)) {
    EngineQuestion question;
    question.text = item["prompt"];
    for (const auto& image : item["images"]) {
      const auto key = static_cast<uint8_t>(known.size());
      known.push_back(ReadPage(kSamples + image.get<std::string>(), key));
      question.pages.push_back(known.back());
    }
    if (questions.size() % 4 == 3) question.pages.front() = known[known.size() / 2];
    questions.push_back(std::move(question));
  }
  for (size_t i = 0; i < questions.size(); ++i) {
    questions[i].max_tokens = static_cast<int64_t>(4 + i % 20);
    SamplingParams& sampling = questions[i].sampling;
    if (questions[i].pages.empty()) {
      questions[i].max_tokens = 150;
      sampling.logit_bias = {{256, -100.0f}, {263, -100.0f}};  // nano's stop tokens
    }
    if (i % 3 != 2) continue;
    sampling.temperature = 0.9f;
    sampling.top_p = 0.95f;
    sampling.top_k = 50;
    sampling.min_p = 0.01f;
    sampling.repetition_penalty = 1.1f;
    sampling.frequency_penalty = 0.3f;
    sampling.presence_penalty = 0.2f;
    sampling.logit_bias.push_back({static_cast<int32_t>('e'), 1.5f});
    sampling.seed = i;
  }
  return questions;
}

// An engine with a fresh executor.
class NanoEngine {
 public:
  explicit NanoEngine(const StepBudget& budget, int64_t kv_tokens = 0) {
    ModelFlags flags;
    flags.folder = "deploy/models/nano";
    flags.kv_tokens = kv_tokens;
    auto model = LoadModelFolder(flags);
    EXPECT_TRUE(model.ok()) << model.status();
    prompts_ = std::move(model->prompts);
    EngineOptions options;
    options.budget = budget;
    engine_ = std::make_unique<Engine>(
        std::move(model->executor), std::move(model->tokens),
        [] { return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); },
        std::move(options));
  }

  std::shared_ptr<RecordingSink> Begin(const EngineQuestion& question) {
    auto sink = std::make_shared<RecordingSink>([](const TokenEvent&) {},
                                                static_cast<int64_t>(question.forced.size()));
    glyph::vlm::Ask(*engine_, *prompts_, std::to_string(next_id_++), question, sink);
    return sink;
  }

  std::vector<int32_t> Ask(const EngineQuestion& question) {
    const auto sink = Begin(question);
    EXPECT_TRUE(sink->AwaitEnd().ok());
    return sink->tokens();
  }

  // All at once. Those without pages begin in one go, so that they run together; a client each
  // sends pages, which waits for what the engine has.
  std::vector<std::vector<int32_t>> AskAll(const std::vector<EngineQuestion>& questions) {
    std::vector<std::shared_ptr<RecordingSink>> sinks(questions.size());
    std::vector<std::thread> clients;
    for (size_t i = 0; i < questions.size(); ++i) {
      if (questions[i].pages.empty()) sinks[i] = Begin(questions[i]);
    }
    for (size_t i = 0; i < questions.size(); ++i) {
      if (sinks[i] != nullptr) continue;
      clients.emplace_back([&, i] { sinks[i] = Begin(questions[i]); });
    }
    for (std::thread& client : clients) client.join();
    std::vector<std::vector<int32_t>> tokens;
    for (const auto& sink : sinks) {
      EXPECT_TRUE(sink->AwaitEnd().ok());
      tokens.push_back(sink->tokens());
    }
    return tokens;
  }

  EngineStats Stats() { return engine_->Stats(); }

 private:
  std::unique_ptr<const PromptBuilder> prompts_;
  std::unique_ptr<Engine> engine_;
  std::atomic<int> next_id_ = 0;
};

StepBudget Chunks(int64_t max_chunk_tokens, bool reuse) {
  StepBudget budget;
  budget.max_chunk_tokens = max_chunk_tokens;
  budget.reuse_prefixes = reuse;
  return budget;
}

class NanoEngineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    questions_ = MixedQuestions();
    StepBudget alone = Chunks(1 << 20, /*reuse=*/false);
    alone.idle_ms = 1e9;  // every prompt at once
    NanoEngine engine(alone);
    for (const EngineQuestion& question : questions_) alone_.push_back(engine.Ask(question));
  }

  static void ExpectTheTokensOfEachAlone(NanoEngine& engine) {
    const auto together = engine.AskAll(questions_);
    for (size_t i = 0; i < questions_.size(); ++i) {
      EXPECT_EQ(together[i], alone_[i]) << "question " << i << ": " << questions_[i].text;
    }
    const EngineStats stats = engine.Stats();
    EXPECT_EQ(stats.counts.kv_blocks_used, 0);
    EXPECT_EQ(stats.counts.finished, static_cast<int64_t>(questions_.size()));
  }

  static inline std::vector<EngineQuestion> questions_;
  static inline std::vector<std::vector<int32_t>> alone_;
};

TEST_F(NanoEngineTest, ChunksAndCachesDoNotChangeTheTokens) {
  struct Case {
    int64_t chunk;
    bool reuse;
  };
  for (const auto& [chunk, reuse] :
       {Case{16, false}, Case{64, true}, Case{256, false}, Case{1 << 20, true}}) {
    SCOPED_TRACE(testing::Message() << "chunks of " << chunk << ", caches " << reuse);
    NanoEngine engine(Chunks(chunk, reuse));
    ExpectTheTokensOfEachAlone(engine);
    if (!reuse) continue;
    EXPECT_EQ(engine.AskAll(questions_), alone_);  // now that all of it is known
    EXPECT_GT(engine.Stats().counts.scheduler.reused_tokens, 5000);
  }
}

TEST_F(NanoEngineTest, APoolFourTimesTooSmallDoesNotChangeTheTokens) {
  for (const bool reuse : {false, true}) {
    SCOPED_TRACE(testing::Message() << "caches " << reuse);
    NanoEngine engine(Chunks(64, reuse), /*kv_tokens=*/2048);
    ExpectTheTokensOfEachAlone(engine);
    EXPECT_GT(engine.Stats().counts.scheduler.preemptions, 0);
  }
}

TEST_F(NanoEngineTest, ResumingAtARandomTokenDoesNotChangeTheTokens) {
  std::mt19937 random(20261124);
  std::vector<EngineQuestion> resumed = questions_;
  for (size_t i = 0; i < resumed.size(); ++i) {
    const auto cut = static_cast<ptrdiff_t>(random() % alone_[i].size());
    resumed[i].forced.assign(alone_[i].begin(), alone_[i].begin() + cut);
  }
  NanoEngine engine(Chunks(64, /*reuse=*/true));
  const auto tails = engine.AskAll(resumed);
  for (size_t i = 0; i < resumed.size(); ++i) {
    std::vector<int32_t> tokens = resumed[i].forced;
    tokens.insert(tokens.end(), tails[i].begin(), tails[i].end());
    EXPECT_EQ(tokens, alone_[i]) << "question " << i << " after " << resumed[i].forced.size();
  }
}

TEST_F(NanoEngineTest, MemoryThatRunsOutEndsTheNewestRequestAlone) {
  const FailingAllocator allocator;
  const EngineQuestion& paged = questions_[20];
  ASSERT_FALSE(paged.pages.empty());
  int64_t count = 0;
  for (bool failed = true; failed; count += 7) {  // until the page needs no further allocation
    ASSERT_LT(count, 100);
    NanoEngine engine(Chunks(64, /*reuse=*/true));
    const auto older = engine.Begin(questions_[0]);
    older->AwaitTokens(1);
    FailingAllocator::FailAfter(count);
    const auto newest = engine.Begin(paged);
    const absl::Status status = newest->AwaitEnd();
    failed = FailingAllocator::HasFailed();
    EXPECT_EQ(status.ok(), !failed) << status;
    EXPECT_EQ(rpc::GetErrorDetails(status).reason, failed ? "OUT_OF_MEMORY" : "");
    EXPECT_TRUE(older->AwaitEnd().ok());
    EXPECT_EQ(older->tokens(), alone_[0]);
    EXPECT_EQ(engine.Ask(paged), alone_[20]);  // the page begins anew
  }
  EXPECT_GT(count, 3);
}

TEST_F(NanoEngineTest, SamplesOfOneRequestAreThoseOfTheirSeeds) {
  EngineQuestion question = questions_[20];  // of a page, drawn
  question.max_tokens = 40;
  NanoEngine engine(Chunks(64, /*reuse=*/true));
  std::vector<std::vector<int32_t>> expected;
  for (uint64_t sample = 0; sample < 3; ++sample) {
    EngineQuestion one = question;
    one.sampling.seed += sample;
    expected.push_back(engine.Ask(one));
  }
  question.num_samples = 3;
  const auto sink = engine.Begin(question);
  ASSERT_TRUE(sink->AwaitEnd().ok());
  for (int32_t sample = 0; sample < 3; ++sample) {
    EXPECT_EQ(sink->tokens(sample), expected[static_cast<size_t>(sample)]);
  }
}

}  // namespace
}  // namespace glyph::vlm
