// Nano, the model that really reads: its samples and random prompts, against Hugging Face.
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/vlm_service/model/request_batch.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/prompt/page_grid.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/tokenizer/tokenizer.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {
namespace {

constexpr char kNano[] = "deploy/models/nano";
constexpr char kSamples[] = "tests/golden/nano_samples/";

nlohmann::json ReadJson(const std::string& file) {
  std::ifstream stream(file);
  return nlohmann::json::parse(stream);
}

class NanoTest : public testing::Test {
 protected:
  // One model for all tests of the file.
  static void SetUpTestSuite() {
    config_ = new ModelConfig(*LoadModelConfig(kNano));
    tokenizer_ = std::shared_ptr<const Tokenizer>(*Tokenizer::Load(kNano));
    auto executor = ModelExecutor::Create(
        kNano, *config_,
        {.max_slots = 32, .kv_tokens = 32768, .max_vision_tokens = 4096, .num_threads = 2});
    ASSERT_TRUE(executor.ok()) << executor.status();
    executor_ = executor->release();
  }
  static void TearDownTestSuite() {
    delete std::exchange(executor_, nullptr);
    delete std::exchange(config_, nullptr);
    tokenizer_.reset();
  }

  static BatchRequest Request(const std::vector<std::string>& pages, const std::string& text,
                              int32_t max_new_tokens) {
    BatchRequest request;
    std::vector<PageGrid> grids;
    for (const std::string& file : pages) {
      PageImage image = *ReadPng(kSamples + file);
      grids.push_back(*PageGridOf(image.origin, image.width, image.height, config_->pages));
      request.pages.push_back(std::make_shared<const PageImage>(std::move(image)));
    }
    std::vector<PromptPiece> pieces = {grids, text};
    if (pages.empty()) pieces.erase(pieces.begin());
    const auto builder = *PromptBuilder::Create(tokenizer_);
    request.prompt = std::make_shared<const Prompt>(builder->Build(pieces));
    request.max_new_tokens = max_new_tokens;
    request.stop_tokens = config_->stop_token_ids;
    return request;
  }

  static ModelConfig* config_;
  static std::shared_ptr<const Tokenizer> tokenizer_;
  static ModelExecutor* executor_;
};

ModelConfig* NanoTest::config_ = nullptr;
std::shared_ptr<const Tokenizer> NanoTest::tokenizer_;
ModelExecutor* NanoTest::executor_ = nullptr;

TEST_F(NanoTest, ReadsEverySampleAsHuggingFaceDoes) {
  const nlohmann::json samples = ReadJson(std::string(kSamples) + "pages.json");
  const nlohmann::json goldens = ReadJson("tests/golden/model/nano_samples.json");
  ASSERT_EQ(samples.size(), 48u);
  ASSERT_EQ(goldens.size(), 48u);
  std::vector<BatchRequest> requests;
  for (const nlohmann::json& sample : samples) {
    requests.push_back(Request(sample["images"], sample["prompt"], 1024));
  }

  const std::vector<BatchAnswer> answers = AnswerTogether(*executor_, requests);

  for (size_t i = 0; i < answers.size(); ++i) {
    const std::vector<int32_t>& ids = answers[i].output_ids;
    EXPECT_EQ(ids, goldens[i]["output_ids"].get<std::vector<int32_t>>()) << samples[i]["name"];
    EXPECT_EQ(tokenizer_->Decode(ids, /*skip_special=*/true), samples[i]["text"])
        << samples[i]["name"];
  }
}

TEST_F(NanoTest, AnswersAHundredRandomPromptsAsHuggingFaceDoes) {
  const nlohmann::json rows = ReadJson("tests/golden/model/nano_random_prompts.json");
  ASSERT_EQ(rows.size(), 100u);
  std::vector<BatchRequest> requests;
  for (const nlohmann::json& row : rows) {
    std::vector<std::string> pages;
    if (!row["page"].is_null()) pages.push_back(row["page"]);
    requests.push_back(Request(pages, row["text"], 24));
    EXPECT_EQ(requests.back().prompt->ids, row["prompt_ids"].get<std::vector<int32_t>>());
  }

  const std::vector<BatchAnswer> answers = AnswerTogether(*executor_, requests);

  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].output_ids, rows[i]["output_ids"].get<std::vector<int32_t>>()) << i;
  }
}

// Pages and plain text, short and long, greedy and seeded, all at once.
TEST_F(NanoTest, ThirtyTwoMixedRequestsGetTheTokensEachGetsAlone) {
  const nlohmann::json samples = ReadJson(std::string(kSamples) + "pages.json");
  std::vector<BatchRequest> requests;
  for (int i = 0; i < 32; ++i) {
    const nlohmann::json& sample = samples[(i * 7) % samples.size()];
    const bool with_pages = i % 3 != 0;
    BatchRequest request = Request(
        with_pages ? sample["images"].get<std::vector<std::string>>() : std::vector<std::string>(),
        std::string(sample["prompt"]) + std::string(i, 'x'), 8 + i);
    if (i % 4 == 3) {
      request.sampling = {.temperature = 0.9f,
                          .top_p = 0.95f,
                          .top_k = 20,
                          .repetition_penalty = 1.1f,
                          .logit_bias = {},
                          .seed = static_cast<uint64_t>(i),
                          .num_logprobs = {}};
    }
    requests.push_back(std::move(request));
  }

  const std::vector<BatchAnswer> together = AnswerTogether(*executor_, requests);
  const std::vector<BatchAnswer> alone = AnswerAlone(*executor_, requests);

  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(together[i].output_ids, alone[i].output_ids) << "request " << i;
  }
}

}  // namespace
}  // namespace glyph::vlm
