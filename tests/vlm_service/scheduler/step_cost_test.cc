#include "vlm_service/scheduler/step_cost.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(LinearCost, SaysItsGuessAtFirst) {
  const LinearCost cost({4, 2, 1});
  EXPECT_DOUBLE_EQ(cost.Predict({1, 10, 2}), 26);
}

TEST(LinearCost, LearnsItsWeights) {
  LinearCost cost({4, 1, 0});
  for (int i = 0; i < 200; ++i)
    cost.Observe({1, 1.0 + i % 30, 1.0 + i % 7}, 20 + 0.1 * (1 + i % 30) + (1 + i % 7));
  EXPECT_NEAR(cost.Predict({1, 0, 0}), 20, 0.1);
  EXPECT_NEAR(cost.Predict({1, 40, 0}), 24, 0.3);
  EXPECT_NEAR(cost.Predict({1, 0, 10}), 30, 0.1);
}

TEST(LinearCost, IsRightAtOnceAboutWhatItSaw) {
  LinearCost cost({4, 1, 0});
  cost.Observe({1, 64, 0}, 30);
  EXPECT_NEAR(cost.Predict({1, 64, 0}), 30, 0.1);
}

TEST(LinearCost, FollowsAMachineThatSlowsDown) {
  LinearCost cost({0, 0.05, 0.01});
  std::mt19937 random(1);
  const auto observe = [&](double factor) {
    const auto x = StepCost::Prefill(512, static_cast<int64_t>(random() % 20000));
    cost.Observe(x, factor * (2 + 0.03 * x[1] + 0.002 * x[2]));
  };
  for (int i = 0; i < 500; ++i) observe(1);
  for (int i = 0; i < 300; ++i) observe(3);
  const auto x = StepCost::Prefill(512, 5000);
  EXPECT_NEAR(cost.Predict(x), 3 * (2 + 0.03 * x[1] + 0.002 * x[2]), 1);
}

// A batch of one size for an hour, then others: the prediction must stay of this world.
TEST(LinearCost, DoesNotRunAwayWhileAllMeasurementsAreOfOneKind) {
  LinearCost cost({4, 1, 0});
  std::mt19937 random(1);
  const auto noise = [&] { return 0.9 + 0.002 * (random() % 100); };
  for (int i = 0; i < 50000; ++i) cost.Observe({1, 64, 0}, 26 * noise());
  EXPECT_NEAR(cost.Predict({1, 64, 0}), 26, 2);
  EXPECT_LE(cost.Predict({1, 1, 0}), 26);
  EXPECT_LE(cost.Predict({1, 256, 0}), 26 * 8.2);
  for (int i = 0; i < 200; ++i) {
    const double rows = 1 + i % 100;
    cost.Observe({1, rows, 0}, (20 + 0.1 * rows) * noise());
  }
  EXPECT_NEAR(cost.Predict({1, 1, 0}), 20.1, 1);
  EXPECT_NEAR(cost.Predict({1, 200, 0}), 40, 4);
}

// Chunks of a few tokens, shorter the more context they have, say nothing of what a token costs.
TEST(LinearCost, DoesNotBelieveThatALargePieceIsCheapAfterManySmallOnes) {
  LinearCost cost({4, 0.05, 0.01});
  for (int64_t i = 0; i < 1000; ++i) {
    cost.Observe(StepCost::Prefill(12 - i / 150, 1000 + 6 * i), 13);
  }
  EXPECT_NEAR(cost.Predict(StepCost::Prefill(6, 7000)), 13, 1);
  EXPECT_GT(cost.Predict(StepCost::Prefill(280, 7000)), 13 * 280 / 24.0);
}

TEST(LinearCost, IsNeverNegative) {
  LinearCost cost({1, 1, 1});
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    cost.Observe({1.0 + random() % 50, 1.0 + random() % 50, 1.0 + random() % 50}, random() % 100);
    ASSERT_GE(cost.Predict({1, 0, 0}), 0);
    ASSERT_GE(cost.Predict({0, 1, 0}), 0);
    ASSERT_GE(cost.Predict({0, 0, 1}), 0);
  }
}

TEST(StepCost, CountsTheAttentionOfAChunkByWhatComesBefore) {
  EXPECT_THAT(StepCost::Prefill(100, 0), testing::ElementsAre(1, 100, 5.15));
  EXPECT_THAT(StepCost::Prefill(100, 1000), testing::ElementsAre(1, 100, 108.15));
}

TEST(StepCost, SharesAPageAmongItsUnits) {
  const auto whole = StepCost::Vision({20, 50}, /*embeds=*/true, 1);
  const auto quarter = StepCost::Vision({20, 50}, /*embeds=*/false, 0.25);
  EXPECT_THAT(whole, testing::ElementsAre(1000, 1000, 1000));
  EXPECT_THAT(quarter, testing::ElementsAre(0, 250, 250));
}

}  // namespace
}  // namespace glyph::vlm
