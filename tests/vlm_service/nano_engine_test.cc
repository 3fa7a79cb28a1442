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
#include "tests/fakes/recording_sink.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/model_folder.h"
#include "vlm_service/prompt/prompt_stream.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {
namespace {

constexpr char kSamples[] = "tests/golden/nano_samples/";
constexpr int32_t kTokenPx = 28;

// One request and the pages of its prompt.
struct Question {
  std::vector<std::shared_ptr<const PageImage>> pages;
  std::string text;
  SamplingParams sampling;
  int64_t max_tokens = 1;
  std::vector<int32_t> forced;
};

PageGrid GridOf(const PageImage& page) { return {page.height / kTokenPx, page.width / kTokenPx}; }

std::shared_ptr<const PageImage> ReadPage(const std::string& file, uint8_t key) {
  auto rgb = ReadPng(file);
  EXPECT_TRUE(rgb.ok()) << rgb.status();
  auto page = std::make_shared<PageImage>(*rgb);
  page->origin = PageOrigin::kRendered;
  page->channels = 1;
  page->pixels.resize(rgb->pixels.size() / 3);
  for (size_t i = 0; i < page->pixels.size(); ++i) page->pixels[i] = rgb->pixels[3 * i];
  page->key[0] = key;
  return page;
}

// 64 of every kind: transcriptions, searches over several pages, text alone, greedy and drawn with
// every penalty; every fourth page is that of an earlier request.
std::vector<Question> MixedQuestions() {
  std::ifstream file(std::string(kSamples) + "pages.json");
  std::vector<Question> questions;
  std::vector<std::shared_ptr<const PageImage>> known;
  for (const auto& item : nlohmann::json::parse(file)) {
    Question question;
    question.text = item["prompt"];
    for (const auto& image : item["images"]) {
      const auto key = static_cast<uint8_t>(known.size());
      known.push_back(ReadPage(kSamples + image.get<std::string>(), key));
      question.pages.push_back(known.back());
    }
    if (questions.size() % 4 == 3) question.pages.front() = known[known.size() / 2];
    questions.push_back(std::move(question));
  }
  while (questions.size() < 64) {
    Question question;
    question.text = "Tell me about number " + std::to_string(questions.size());
    questions.push_back(std::move(question));
  }
  for (size_t i = 0; i < questions.size(); ++i) {
    questions[i].max_tokens = static_cast<int64_t>(4 + i % 20);
    SamplingParams& sampling = questions[i].sampling;
    if (questions[i].pages.empty()) {  // long answers, which make a small pool preempt
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

  std::shared_ptr<RecordingSink> Begin(const Question& question, int32_t num_samples = 1) {
    auto sink = std::make_shared<RecordingSink>([](const TokenEvent&) {},
                                                static_cast<int64_t>(question.forced.size()));
    Request request;
    request.id = std::to_string(next_id_++);
    request.max_prompt_tokens = 16 + static_cast<int64_t>(question.text.size());
    for (const auto& page : question.pages) {
      request.max_prompt_tokens += GridOf(*page).num_tokens() + 2;
    }
    request.max_output_tokens = question.max_tokens;
    request.sampling = question.sampling;
    request.forced_output_ids = question.forced;
    request.num_samples = num_samples;
    request.sink = sink;
    const auto id = engine_->Begin(std::move(request));
    EXPECT_TRUE(id.ok()) << id.status();
    PromptStream stream(*prompts_);
    for (size_t i = 0; i < question.pages.size(); ++i) {
      const PageImage& page = *question.pages[i];
      stream.AddPage(GridOf(page));
      engine_->OfferPage(*id, HashPage({page.key, page.width, page.height, 1, false, ""}),
                         stream.Take());
      const std::optional<bool> have = sink->AwaitDecision(i);
      if (have.has_value() && !*have) engine_->AddPage(*id, question.pages[i]);
    }
    stream.AddText(question.text);
    stream.Finish();
    engine_->FinishPrompt(*id, stream.Take());
    return sink;
  }

  std::vector<int32_t> Ask(const Question& question) {
    const auto sink = Begin(question);
    EXPECT_TRUE(sink->AwaitEnd().ok());
    return sink->tokens();
  }

  // All at once, by a client each.
  std::vector<std::vector<int32_t>> AskAll(const std::vector<Question>& questions) {
    std::vector<std::vector<int32_t>> tokens(questions.size());
    std::vector<std::thread> clients;
    for (size_t i = 0; i < questions.size(); ++i) {
      clients.emplace_back([&, i] { tokens[i] = Ask(questions[i]); });
    }
    for (std::thread& client : clients) client.join();
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
    for (const Question& question : questions_) alone_.push_back(engine.Ask(question));
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

  static inline std::vector<Question> questions_;
  static inline std::vector<std::vector<int32_t>> alone_;
};

TEST_F(NanoEngineTest, ChunksDoNotChangeTheTokens) {
  for (const int64_t chunk : {16, 64, 256, 1 << 20}) {
    SCOPED_TRACE(testing::Message() << "chunks of " << chunk);
    NanoEngine engine(Chunks(chunk, /*reuse=*/false));
    ExpectTheTokensOfEachAlone(engine);
  }
}

TEST_F(NanoEngineTest, CachesDoNotChangeTheTokens) {
  NanoEngine engine(Chunks(256, /*reuse=*/true));
  ExpectTheTokensOfEachAlone(engine);
  const auto again = engine.AskAll(questions_);
  EXPECT_EQ(again, alone_);
  EXPECT_GT(engine.Stats().counts.scheduler.reused_tokens, 5000);
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
  std::vector<Question> resumed = questions_;
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

TEST_F(NanoEngineTest, SamplesOfOneRequestAreThoseOfTheirSeeds) {
  Question question = questions_[2];
  question.max_tokens = 40;
  NanoEngine engine(Chunks(64, /*reuse=*/true));
  std::vector<std::vector<int32_t>> expected;
  for (uint64_t sample = 0; sample < 3; ++sample) {
    Question one = question;
    one.sampling.seed += sample;
    expected.push_back(engine.Ask(one));
  }
  const auto sink = engine.Begin(question, 3);
  ASSERT_TRUE(sink->AwaitEnd().ok());
  for (int32_t sample = 0; sample < 3; ++sample) {
    EXPECT_EQ(sink->tokens(sample), expected[static_cast<size_t>(sample)]);
  }
}

}  // namespace
}  // namespace glyph::vlm
