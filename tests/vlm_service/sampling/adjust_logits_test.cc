#include "vlm_service/sampling/adjust_logits.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

constexpr float kMax = std::numeric_limits<float>::max();

TokenHistory HistoryOf(const std::vector<int32_t>& prompt, const std::vector<int32_t>& outputs) {
  TokenHistory history;
  for (const int32_t token : prompt) history.AddPrompt(token);
  for (const int32_t token : outputs) history.AddOutput(token);
  return history;
}

TEST(AdjustLogits, ChangesNothingWithDefaultsWhateverTheHistory) {
  std::vector<float> logits = {2, -2, 0, -INFINITY};

  AdjustLogits(logits, SamplingParams(), HistoryOf({0, 1, 3}, {1, 2, 2}));

  EXPECT_THAT(logits, ElementsAre(2, -2, 0, -INFINITY));
}

TEST(AdjustLogits, BiasIsAddedToItsTokens) {
  SamplingParams params;
  params.logit_bias = {{2, 100}, {0, -100}, {3, 0}};
  std::vector<float> logits = {1, 2, 3, 4};

  AdjustLogits(logits, params, TokenHistory());

  EXPECT_THAT(logits, ElementsAre(-99, 2, 103, 4));
}

TEST(AdjustLogits, RepetitionPenaltyDividesPositiveAndMultipliesNegativeLogits) {
  SamplingParams params;
  params.repetition_penalty = 4;
  std::vector<float> logits = {2, -2, 0, 2};

  AdjustLogits(logits, params, HistoryOf({0, 1, 0}, {2, 1, 1}));

  EXPECT_THAT(logits, ElementsAre(0.5f, -8, 0, 2));
}

TEST(AdjustLogits, FrequencyPenaltyCountsOutputsOnly) {
  SamplingParams params;
  params.frequency_penalty = 0.5f;
  std::vector<float> logits = {1, 1, 1, -1};

  AdjustLogits(logits, params, HistoryOf({0, 0, 1}, {1, 3, 3, 3}));

  EXPECT_THAT(logits, ElementsAre(1, 0.5f, 1, -2.5f));
}

TEST(AdjustLogits, PresencePenaltyIsTakenOnceFromOutputsOnly) {
  SamplingParams params;
  params.presence_penalty = 0.5f;
  std::vector<float> logits = {1, 1, 1, -1};

  AdjustLogits(logits, params, HistoryOf({0, 0, 1}, {1, 3, 3, 3}));

  EXPECT_THAT(logits, ElementsAre(1, 0.5f, 1, -1.5f));
}

TEST(AdjustLogits, NegativePenaltiesFavourWhatWasSaid) {
  SamplingParams params;
  params.frequency_penalty = -2;
  params.presence_penalty = -2;
  std::vector<float> logits = {1, 1};

  AdjustLogits(logits, params, HistoryOf({0}, {1, 1}));

  EXPECT_THAT(logits, ElementsAre(1, 7));
}

TEST(AdjustLogits, BiasComesFirstThenRepetitionThenOutputPenalties) {
  SamplingParams params;
  params.logit_bias = {{0, -3}};
  params.repetition_penalty = 2;
  params.frequency_penalty = 0.25f;
  params.presence_penalty = 1;
  std::vector<float> logits = {1};

  AdjustLogits(logits, params, HistoryOf({}, {0, 0}));

  EXPECT_THAT(logits, ElementsAre((1.0f - 3) * 2 - (2 * 0.25f + 1)));
}

TEST(AdjustLogits, FiniteLogitsStayFinite) {
  SamplingParams params;
  params.repetition_penalty = 1e-30f;
  std::vector<float> logits = {1e30f, 1, 2};
  AdjustLogits(logits, params, HistoryOf({0}, {}));
  EXPECT_THAT(logits, ElementsAre(kMax, 1, 2));

  params.repetition_penalty = 10;
  logits = {-1e38f, 1, 2};
  AdjustLogits(logits, params, HistoryOf({0}, {}));
  EXPECT_THAT(logits, ElementsAre(-kMax, 1, 2));

  params = SamplingParams();
  params.logit_bias = {{0, 1e38f}, {1, -1e38f}};
  logits = {kMax, -kMax, 2};
  AdjustLogits(logits, params, TokenHistory());
  EXPECT_THAT(logits, ElementsAre(kMax, -kMax, 2));
}

TEST(AdjustLogits, MasksAndPoisonStayWhatTheyAre) {
  SamplingParams params;
  params.logit_bias = {{0, 100}, {1, 100}, {2, -100}};
  params.repetition_penalty = 0.5f;
  params.frequency_penalty = -2;
  params.presence_penalty = -2;
  std::vector<float> logits = {-INFINITY, NAN, INFINITY};

  AdjustLogits(logits, params, HistoryOf({0, 1, 2}, {0, 1, 2}));

  EXPECT_EQ(logits[0], -INFINITY);
  EXPECT_TRUE(std::isnan(logits[1]));
  EXPECT_EQ(logits[2], INFINITY);
}

}  // namespace
}  // namespace glyph::vlm
