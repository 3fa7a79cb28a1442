#include "gateway/routing/byte_budget.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(ByteBudgetTest, RefusesWhatDoesNotFitAndKeepsWhatWasHeld) {
  ByteBudget budget(10);
  ByteBudget::Reservation first(budget);
  ByteBudget::Reservation second(budget);
  EXPECT_TRUE(first.Grow(6));
  EXPECT_FALSE(second.Grow(5));
  EXPECT_TRUE(second.Grow(4));
}

TEST(ByteBudgetTest, ReturnsWhatAReservationHeld) {
  ByteBudget budget(10);
  {
    ByteBudget::Reservation gone(budget);
    ASSERT_TRUE(gone.Grow(10));
  }
  ByteBudget::Reservation next(budget);
  EXPECT_TRUE(next.Grow(10));
}

}  // namespace
}  // namespace glyph::gateway
