#include "vlm_service/sampling/log_softmax.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int32_t> TokensOf(const std::vector<TokenLogprob>& logprobs) {
  std::vector<int32_t> tokens;
  for (const TokenLogprob& logprob : logprobs) tokens.push_back(logprob.token);
  return tokens;
}

std::vector<float> RandomLogits(size_t size, float deviation, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(3, deviation);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

// Straight from the definition, without shifting by the largest.
std::vector<double> ReferenceLogprobs(const std::vector<float>& logits) {
  long double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<long double>(logit));
  std::vector<double> logprobs;
  for (const float logit : logits) {
    logprobs.push_back(static_cast<double>(logit - std::log(total)));
  }
  return logprobs;
}

TEST(LogSoftmax, EqualsADoubleReferenceOverALargeVocabulary) {
  for (const float deviation : {0.1f, 3.0f, 20.0f}) {
    const std::vector<float> logits = RandomLogits(151'552, deviation, 1);
    const std::vector<double> expected = ReferenceLogprobs(logits);

    const LogSoftmax log_softmax(logits);

    double worst = 0;
    for (size_t token = 0; token < logits.size(); ++token) {
      const double error = log_softmax.LogprobOf(static_cast<int32_t>(token)) - expected[token];
      worst = std::max(worst, std::abs(error) / std::max(1.0, std::abs(expected[token])));
    }
    EXPECT_LT(worst, 1e-7) << "deviation " << deviation;  // half a float's spacing is 6e-8
  }
}

TEST(LogSoftmax, LikeliestAreTheFirstOfAFullSort) {
  std::vector<float> logits = RandomLogits(5'000, 2, 2);
  for (float& logit : logits) logit = std::round(logit);  // ties
  std::vector<int32_t> expected(logits.size());
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  expected.resize(20);

  EXPECT_EQ(TokensOf(LogSoftmax(logits).Likeliest(20)), expected);
}

TEST(LogSoftmax, TiesComeInOrderOfIds) {
  const std::vector<float> logits = {1, 2, 2, 1, 2};

  const auto likeliest = LogSoftmax(logits).Likeliest(4);

  EXPECT_THAT(TokensOf(likeliest), ElementsAre(1, 2, 4, 0));
  EXPECT_EQ(likeliest[0].logprob, likeliest[2].logprob);
}

TEST(LogSoftmax, CountRunsFromNoneToTheVocabulary) {
  const std::vector<float> logits = {1, 3, 2};
  const LogSoftmax log_softmax(logits);

  EXPECT_THAT(log_softmax.Likeliest(0), IsEmpty());
  EXPECT_THAT(TokensOf(log_softmax.Likeliest(1)), ElementsAre(1));
  EXPECT_THAT(TokensOf(log_softmax.Likeliest(3)), ElementsAre(1, 2, 0));
  EXPECT_THAT(TokensOf(log_softmax.Likeliest(4)), ElementsAre(1, 2, 0));
}

TEST(LogSoftmax, MaskedTokensAreNotAmongTheLikeliest) {
  const std::vector<float> logits = {-INFINITY, 0, -INFINITY, 0};
  const LogSoftmax log_softmax(logits);

  EXPECT_THAT(TokensOf(log_softmax.Likeliest(4)), ElementsAre(1, 3));
  EXPECT_FLOAT_EQ(log_softmax.LogprobOf(1), std::log(0.5f));
  EXPECT_EQ(log_softmax.LogprobOf(0), -INFINITY);
}

TEST(LogSoftmax, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {3e38f, 3e38f, 0};
  const LogSoftmax log_softmax(logits);

  EXPECT_FLOAT_EQ(log_softmax.LogprobOf(0), std::log(0.5f));
}

}  // namespace
}  // namespace glyph::vlm
