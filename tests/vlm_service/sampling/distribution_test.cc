#include "vlm_service/sampling/distribution.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

SamplingParams ParamsOf(float temperature, int32_t top_k, float top_p) {
  SamplingParams params;
  params.temperature = temperature;
  params.top_k = top_k;
  params.top_p = top_p;
  return params;
}

std::vector<int32_t> TokensOf(const std::vector<Candidate>& candidates) {
  std::vector<int32_t> tokens;
  for (const Candidate& candidate : candidates) tokens.push_back(candidate.token);
  return tokens;
}

// One case of tests/golden/sampling/distributions.json, made by tests/reference/sampling.
void ExpectGoldenDistribution(const nlohmann::json& golden) {
  std::vector<float> logits;
  for (const auto& logit : golden["logits"]) {
    logits.push_back(logit.is_null() ? -INFINITY : logit.get<float>());
  }
  std::vector<int32_t> seen = golden["prompt_ids"];
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  std::map<int32_t, double> expected;
  for (const auto& kept : golden["kept"]) expected[kept[0]] = kept[1];

  ApplyRepetitionPenalty(logits, seen, golden["repetition_penalty"]);
  const auto candidates = ProcessedDistribution(
      logits, ParamsOf(golden["temperature"], golden["top_k"], golden["top_p"]));

  for (const Candidate& candidate : candidates) {
    const auto found = expected.find(candidate.token);
    ASSERT_NE(found, expected.end()) << "token " << candidate.token << " should be gone";
    EXPECT_NEAR(candidate.probability, found->second, 1e-5) << "token " << candidate.token;
    expected.erase(found);
  }
  for (const auto& [token, probability] : expected) {
    EXPECT_EQ(probability, 0) << "token " << token << " should have stayed";
  }
}

TEST(Distribution, KeepsWhatHuggingFaceKeeps) {
  std::ifstream file("tests/golden/sampling/distributions.json");
  const auto goldens = nlohmann::json::parse(file);
  ASSERT_EQ(goldens.size(), 66u);
  for (size_t i = 0; i < goldens.size(); ++i) {
    SCOPED_TRACE(testing::Message() << "case " << i);
    ExpectGoldenDistribution(goldens[i]);
  }
}

TEST(Distribution, PenaltyDividesPositiveAndMultipliesNegativeLogits) {
  std::vector<float> logits = {2.0f, -2.0f, 0.0f, 2.0f};

  ApplyRepetitionPenalty(logits, std::vector<int32_t>{0, 1, 2}, 4.0f);

  EXPECT_THAT(logits, ElementsAre(0.5f, -8.0f, 0.0f, 2.0f));
}

TEST(Distribution, TiesAtTheEdgeOfTopKAllStay) {
  std::vector<float> logits = {1, 3, 2, 2, 0};

  const auto candidates = ProcessedDistribution(logits, ParamsOf(1, 2, 1));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(1, 2, 3));
}

TEST(Distribution, TopKAroundTheVocabularyKeepsAll) {
  for (const int32_t top_k : {0, 3, 4, 5}) {
    std::vector<float> logits = {1, 3, 2, 4};
    const size_t expected = top_k == 3 ? 3 : 4;
    EXPECT_EQ(ProcessedDistribution(logits, ParamsOf(1, top_k, 1)).size(), expected) << top_k;
  }
}

TEST(Distribution, TopPKeepsTheLikeliestEvenWhenItAloneIsTooMuch) {
  std::vector<float> logits = {0, 9, 0};

  const auto candidates = ProcessedDistribution(logits, ParamsOf(1, 0, 1e-6f));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(1));
  EXPECT_EQ(candidates[0].probability, 1);
}

TEST(Distribution, TopPSelectsFarBeyondTheFirstSortedBlock) {
  std::vector<float> logits(1000, 0.0f);

  const auto candidates = ProcessedDistribution(logits, ParamsOf(1, 0, 0.75f));

  EXPECT_EQ(candidates.size(), 750u);
}

TEST(Distribution, MaskedTokensAreNeverCandidates) {
  std::vector<float> logits = {-INFINITY, 1, -INFINITY, 1};

  const auto candidates = ProcessedDistribution(logits, ParamsOf(1, 0, 1));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(1, 3));
}

TEST(Distribution, TemperatureThatOverflowsLeavesTheLargestLogits) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  std::vector<float> logits = {2, 1, 2};

  const auto candidates = ProcessedDistribution(logits, ParamsOf(tiny, 0, 1));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(0, 2));
  EXPECT_EQ(candidates[0].probability, 0.5);
}

}  // namespace
}  // namespace glyph::vlm
