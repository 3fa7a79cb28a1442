#include "vlm_service/sampling/sampler.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kVocabSize = 4;

SamplingParams Seeded(uint64_t seed) {
  SamplingParams params;
  params.temperature = 1;
  params.seed = seed;
  return params;
}

std::optional<int32_t> SampleOnce(const SamplingParams& params, std::vector<float> logits,
                                  int64_t index) {
  return Sampler(params, {}, static_cast<int32_t>(logits.size())).Sample(logits, index);
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  EXPECT_EQ(SampleOnce(SamplingParams(), {1, 7, 7, -2}, 0), 1);
}

TEST(Sampler, GreedyHonoursTheRepetitionPenaltyOverPromptAndOutput) {
  SamplingParams params;
  params.repetition_penalty = 2;
  Sampler sampler(params, std::vector<int32_t>{1}, kVocabSize);
  std::vector<int32_t> chosen;
  for (int64_t index = 0; index < 3; ++index) {
    std::vector<float> logits = {4, 7, 5, 2.25f};
    chosen.push_back(*sampler.Sample(logits, index));
  }
  // 7 / 2 loses to 5; then 5 / 2 loses to 4; then 7 / 2 is the largest.
  EXPECT_THAT(chosen, testing::ElementsAre(2, 0, 1));
}

TEST(Sampler, PromptIdsOutsideTheVocabularyAreIgnored) {
  SamplingParams params;
  params.repetition_penalty = 2;
  Sampler sampler(params, std::vector<int32_t>{-1, kVocabSize, 1 << 30}, kVocabSize);
  std::vector<float> logits = {1, 2, 3, 4};

  EXPECT_EQ(sampler.Sample(logits, 0), 3);
}

TEST(Sampler, RefusesNanAndInfinityButNotMasks) {
  for (const float temperature : {0.0f, 1.0f}) {
    SamplingParams params;
    params.temperature = temperature;
    EXPECT_EQ(SampleOnce(params, {1, NAN, 2}, 0), std::nullopt);
    EXPECT_EQ(SampleOnce(params, {1, INFINITY, 2}, 0), std::nullopt);
    EXPECT_EQ(SampleOnce(params, {-INFINITY, -INFINITY}, 0), std::nullopt);
    EXPECT_EQ(SampleOnce(params, {-INFINITY, -3, -INFINITY}, 0), 1);
  }
}

TEST(Sampler, DrawDependsOnSeedAndIndexOnly) {
  const std::vector<float> logits(1000, 0.0f);
  const auto first = SampleOnce(Seeded(5), logits, 3);

  Sampler other(Seeded(5), {}, 1000);
  for (const int64_t index : {9, 1, 2}) {
    std::vector<float> row = logits;
    other.Sample(row, index);
  }
  std::vector<float> row = logits;

  EXPECT_EQ(other.Sample(row, 3), first);
  EXPECT_NE(SampleOnce(Seeded(6), logits, 3), first);
  EXPECT_NE(SampleOnce(Seeded(5), logits, 4), first);
}

// Chi-square over the outcomes of fixed seeds; 16.27 is exceeded by chance once in a thousand.
TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<double> probabilities = {0.1, 0.2, 0.3, 0.4};
  constexpr int kDraws = 20'000;
  std::vector<int> counts(probabilities.size());
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> logits;
    for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
    ++counts[*SampleOnce(Seeded(static_cast<uint64_t>(i / 100)), logits, i % 100)];
  }
  double chi_square = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * kDraws;
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 16.27);
}

TEST(Sampler, OneCandidateIsChosenWhateverTheDraw) {
  SamplingParams params = Seeded(1);
  params.top_k = 1;
  for (int64_t index = 0; index < 100; ++index) {
    params.seed = static_cast<uint64_t>(index);
    EXPECT_EQ(SampleOnce(params, {0, 2, 1, -1}, index), 1);
  }
}

}  // namespace
}  // namespace glyph::vlm
