#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "vlm_service/sampling/sampler.h"

// The random part of Sampler.
namespace glyph::vlm {
namespace {

SamplingParams Seeded(uint64_t seed) {
  SamplingParams params;
  params.temperature = 1;
  params.seed = seed;
  return params;
}

// The output at `index` of a sequence of zeros.
int32_t DrawAt(const SamplingParams& params, std::vector<float> logits, size_t index) {
  Sampler sampler(params, static_cast<int32_t>(logits.size()));
  sampler.Observe(std::vector<int32_t>(index, 0), static_cast<int64_t>(index));
  return sampler.Sample(logits)->token;
}

TEST(SamplerDraw, DependsOnSeedAndOutputIndexOnly) {
  const std::vector<float> logits(1000, 0.0f);
  const int32_t fourth = DrawAt(Seeded(5), logits, 3);

  Sampler sampler(Seeded(5), 1000);
  sampler.Observe(std::vector<int32_t>{7, 8, 9, 10}, 0);  // a prompt does not count
  for (int i = 0; i < 3; ++i) {
    std::vector<float> row = logits;
    sampler.Sample(row);
  }
  std::vector<float> row = logits;

  EXPECT_EQ(sampler.Sample(row)->token, fourth);
  EXPECT_NE(DrawAt(Seeded(6), logits, 3), fourth);
  EXPECT_NE(DrawAt(Seeded(5), logits, 4), fourth);
  EXPECT_NE(DrawAt(Seeded(5 + (uint64_t{1} << 63)), logits, 3), fourth);
}

// Chi-square of 20,000 draws over 200 seeds.
double ChiSquare(SamplingParams params, const std::vector<float>& logits,
                 const std::vector<double>& probabilities) {
  constexpr int kSeeds = 200;
  constexpr int kOutputs = 100;
  std::vector<int> counts(logits.size());
  for (params.seed = 0; params.seed < kSeeds; ++params.seed) {
    Sampler sampler(params, static_cast<int32_t>(logits.size()));
    for (int i = 0; i < kOutputs; ++i) {
      std::vector<float> row = logits;
      ++counts[sampler.Sample(row)->token];
    }
  }
  double chi_square = 0;
  for (size_t token = 0; token < counts.size(); ++token) {
    const double expected = probabilities[token] * kSeeds * kOutputs;
    if (expected == 0) {
      EXPECT_EQ(counts[token], 0) << token;
      continue;
    }
    chi_square += (counts[token] - expected) * (counts[token] - expected) / expected;
  }
  return chi_square;
}

std::vector<float> Tenths() {
  return {std::log(0.1f), std::log(0.2f), std::log(0.3f), std::log(0.4f)};
}

// The bounds are exceeded by chance once in a thousand, for 3, 1, 2 and 1 degrees of freedom.
TEST(SamplerDraw, FollowsTheDistribution) {
  EXPECT_LT(ChiSquare(Seeded(0), Tenths(), {0.1, 0.2, 0.3, 0.4}), 16.27);
}

TEST(SamplerDraw, FollowsTheDistributionLeftByMinP) {
  SamplingParams params = Seeded(0);
  params.min_p = 0.6f;
  EXPECT_LT(ChiSquare(params, Tenths(), {0, 0, 3.0 / 7, 4.0 / 7}), 10.83);
}

TEST(SamplerDraw, FollowsTheDistributionLeftByTopKAndBias) {
  SamplingParams params = Seeded(0);
  params.logit_bias = {{0, std::log(6.0f)}};  // 0.6, 0.2, 0.3, 0.4
  params.top_k = 3;
  EXPECT_LT(ChiSquare(params, Tenths(), {6.0 / 13, 0, 3.0 / 13, 4.0 / 13}), 13.82);
}

TEST(SamplerDraw, FollowsTheDistributionLeftByTopP) {
  SamplingParams params = Seeded(0);
  params.top_p = 0.65f;
  EXPECT_LT(ChiSquare(params, Tenths(), {0, 0, 3.0 / 7, 4.0 / 7}), 10.83);
}

TEST(SamplerDraw, OneCandidateIsChosenWhateverTheDraw) {
  SamplingParams one_by_top_k = Seeded(1);
  one_by_top_k.top_k = 1;
  SamplingParams one_by_top_p = Seeded(1);
  one_by_top_p.top_p = 1e-6f;
  SamplingParams one_by_min_p = Seeded(1);
  one_by_min_p.min_p = 1;
  for (const SamplingParams& params : {one_by_top_k, one_by_top_p, one_by_min_p}) {
    for (size_t index = 0; index < 100; ++index) {
      EXPECT_EQ(DrawAt(params, {0, 2, 1, -1}, index), 1);
    }
  }
}

}  // namespace
}  // namespace glyph::vlm
