#include "vlm_service/sampling/largest_logit.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using Logits = std::vector<float>;

TEST(FirstOfLargest, TakesTheFirstOfEquals) {
  EXPECT_EQ(FirstOfLargest(Logits{1, 7, 7, -2}), 1);
  EXPECT_EQ(FirstOfLargest(Logits{7, 1, 7}), 0);
  EXPECT_EQ(FirstOfLargest(Logits{-0.0f, 0.0f}), 0);
  EXPECT_EQ(FirstOfLargest(Logits{-3, -2, -1}), 2);
}

TEST(FirstOfLargest, PassesOverMasks) {
  EXPECT_EQ(FirstOfLargest(Logits{-INFINITY, -std::numeric_limits<float>::max()}), 1);
}

TEST(FirstOfLargest, FindsItAnywhereInRowsOfAnyLength) {
  for (const size_t size : {1, 2, 15, 16, 17, 33, 1023, 1024, 1025, 2500}) {
    for (size_t at = 0; at < size; ++at) {
      Logits logits(size, -1);
      logits[at] = 1;
      logits[size - 1] = 1;
      EXPECT_EQ(FirstOfLargest(logits), static_cast<int32_t>(at)) << "of " << size;
    }
  }
}

TEST(FirstOfLargest, RefusesNanAndInfinityAnywhere) {
  for (const float poison : {NAN, -NAN, INFINITY}) {
    for (const size_t size : {1, 5, 16, 17, 1025, 2500}) {
      for (size_t at = 0; at < size; ++at) {
        Logits logits(size, 3);
        logits[at] = poison;
        EXPECT_EQ(FirstOfLargest(logits), std::nullopt) << poison << " at " << at << " of " << size;
      }
    }
  }
}

TEST(FirstOfLargest, RefusesWhenNoneIsFinite) {
  EXPECT_EQ(FirstOfLargest(Logits{-INFINITY, -INFINITY}), std::nullopt);
  EXPECT_EQ(FirstOfLargest(Logits{}), std::nullopt);
}

}  // namespace
}  // namespace glyph::vlm
