#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "vlm_service/sampling/adjust_logits.h"
#include "vlm_service/sampling/distribution.h"
#include "vlm_service/sampling/sampler.h"

// Every case of tests/golden/sampling/distributions.json, made by tests/reference/sampling.
namespace glyph::vlm {
namespace {

using nlohmann::json;

std::vector<float> LogitsOf(const json& golden) {
  std::vector<float> logits;
  for (const json& logit : golden["logits"]) {
    logits.push_back(logit.is_null() ? -INFINITY : logit.get<float>());
  }
  return logits;
}

SamplingParams ParamsOf(const json& golden) {
  SamplingParams params;
  params.temperature = golden["temperature"];
  params.top_p = golden["top_p"];
  params.top_k = golden["top_k"];
  params.min_p = golden["min_p"];
  params.repetition_penalty = golden["repetition_penalty"];
  params.frequency_penalty = golden["frequency_penalty"];
  params.presence_penalty = golden["presence_penalty"];
  for (const json& bias : golden["logit_bias"]) params.logit_bias.push_back({bias[0], bias[1]});
  return params;
}

std::vector<Candidate> DistributionOf(const json& golden) {
  std::vector<float> logits = LogitsOf(golden);
  TokenHistory history;
  for (const int32_t token : golden["prompt_ids"]) history.AddPrompt(token);
  for (const int32_t token : golden["output_ids"]) history.AddOutput(token);
  AdjustLogits(logits, ParamsOf(golden), history);
  return ProcessedDistribution(logits, ParamsOf(golden));
}

// What a sampler with these parameters chooses after the case's prompt and output.
Choice ChoiceOf(const json& golden, const SamplingParams& params) {
  std::vector<float> logits = LogitsOf(golden);
  Sampler sampler(params, static_cast<int32_t>(logits.size()));
  sampler.Observe(golden["prompt_ids"].get<std::vector<int32_t>>(), 0);
  const std::vector<int32_t> outputs = golden["output_ids"];
  sampler.Observe(outputs, static_cast<int64_t>(outputs.size()));
  return sampler.Sample(logits).value();
}

void ExpectKept(const json& golden) {
  std::map<int32_t, double> expected;
  for (const json& kept : golden["kept"]) expected[kept[0]] = kept[1];
  for (const Candidate& candidate : DistributionOf(golden)) {
    const auto found = expected.find(candidate.token);
    ASSERT_NE(found, expected.end()) << "token " << candidate.token << " should be gone";
    EXPECT_NEAR(candidate.probability, found->second, 1e-5) << "token " << candidate.token;
    expected.erase(found);
  }
  for (const auto& [token, probability] : expected) {
    EXPECT_EQ(probability, 0) << "token " << token << " should have stayed";
  }
}

void ExpectGreedy(const json& golden) {
  SamplingParams params = ParamsOf(golden);
  params.temperature = 0;
  EXPECT_EQ(ChoiceOf(golden, params).token, golden["greedy"]);
}

void ExpectTopLogprobs(const json& golden) {
  SamplingParams params = ParamsOf(golden);
  params.num_logprobs = 5;
  const Choice choice = ChoiceOf(golden, params);
  const json& expected = golden["top_logprobs"];
  ASSERT_EQ(choice.top_logprobs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const TokenLogprob& actual = choice.top_logprobs[i];
    EXPECT_EQ(actual.token, expected[i][0]);
    const double logprob = expected[i][1];
    EXPECT_NEAR(actual.logprob, logprob, 1e-7 * std::max(1.0, std::abs(logprob)));
    if (actual.token == choice.token) {
      EXPECT_EQ(choice.logprob, actual.logprob);
    }
  }
}

void ForEachGolden(void (*expect)(const json&)) {
  std::ifstream file("tests/golden/sampling/distributions.json");
  const json goldens = json::parse(file);
  ASSERT_EQ(goldens.size(), 104u);
  for (size_t i = 0; i < goldens.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "case " << i);
    expect(goldens[i]);
  }
}

TEST(SamplingGoldens, KeepsWhatHuggingFaceKeeps) { ForEachGolden(ExpectKept); }

TEST(SamplingGoldens, GreedyTakesTheFirstOfTheLargest) { ForEachGolden(ExpectGreedy); }

TEST(SamplingGoldens, LogprobsAreOfTheRawLogits) { ForEachGolden(ExpectTopLogprobs); }

}  // namespace
}  // namespace glyph::vlm
