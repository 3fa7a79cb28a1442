#include "vlm_service/sampling/distribution.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

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

TEST(Distribution, TopKKeepsTheKLargestOfALargeVocabulary) {
  for (const int32_t top_k : {1, 50, 999, 1000, 1001, 4999}) {
    std::vector<float> logits;
    for (int i = 0; i < 5000; ++i) logits.push_back(static_cast<float>(i * 7 % 5000) / 1000);

    const auto candidates = ProcessedDistribution(logits, ParamsOf(1, top_k, 1));

    EXPECT_EQ(candidates.size(), static_cast<size_t>(top_k));
    for (const Candidate& candidate : candidates) {
      EXPECT_GE(candidate.token * 7 % 5000, 5000 - top_k);
    }
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

TEST(Distribution, TemperatureOfTwoHalvesLogits) {
  std::vector<float> logits = {2 * std::log(0.25f), 2 * std::log(0.75f)};

  const auto candidates = ProcessedDistribution(logits, ParamsOf(2, 0, 1));

  EXPECT_NEAR(candidates[0].probability, 0.25, 1e-6);
  EXPECT_NEAR(candidates[1].probability, 0.75, 1e-6);
}

SamplingParams WithMinP(SamplingParams params, float min_p) {
  params.min_p = min_p;
  return params;
}

TEST(Distribution, MinPDropsWhatLiesBelowItsShareOfTheLikeliest) {
  const float half = std::log(0.5f);
  std::vector<float> logits = {half + 1e-4f, 0, half - 1e-4f};

  const auto candidates = ProcessedDistribution(logits, WithMinP(ParamsOf(1, 0, 1), 0.5f));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(0, 1));
  EXPECT_NEAR(candidates[0].probability, 1.0 / 3, 1e-4);
  EXPECT_DOUBLE_EQ(candidates[0].probability + candidates[1].probability, 1);
}

TEST(Distribution, MinPOfOneLeavesTheLargestLogits) {
  std::vector<float> logits = {0, 2, 1.99f, 2};

  const auto candidates = ProcessedDistribution(logits, WithMinP(ParamsOf(1, 0, 1), 1));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(1, 3));
}

TEST(Distribution, SmallestMinPDropsNothingThatCounts) {
  std::vector<float> logits = {0, 80, -INFINITY};

  const auto candidates = ProcessedDistribution(logits, WithMinP(ParamsOf(1, 0, 1), 1e-38f));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(0, 1));
}

TEST(Distribution, MinPLooksAtScaledLogits) {
  for (const float temperature : {1.0f, 2.0f}) {
    std::vector<float> logits = {0, std::log(0.3f)};
    const size_t expected = temperature == 1 ? 1 : 2;  // 0.3 and its root around 0.5
    EXPECT_EQ(ProcessedDistribution(logits, WithMinP(ParamsOf(temperature, 0, 1), 0.5f)).size(),
              expected);
  }
}

// Alone min_p would leave 4/7 and 3/7, of which top_p would then keep one.
TEST(Distribution, MinPComesAfterTopP) {
  std::vector<float> logits;
  for (const float p : {0.4f, 0.3f, 0.1f, 0.1f, 0.1f}) logits.push_back(std::log(p));

  const auto candidates = ProcessedDistribution(logits, WithMinP(ParamsOf(1, 0, 0.55f), 0.5f));

  EXPECT_THAT(TokensOf(candidates), ElementsAre(0, 1));
}

}  // namespace
}  // namespace glyph::vlm
