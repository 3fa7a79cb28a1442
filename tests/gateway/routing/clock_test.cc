#include "gateway/routing/clock.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(UpstreamDeadlineTest, KeepsFivePercentOfTheClientsTime) {
  const absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(UpstreamDeadline(now, now + absl::Seconds(100)), now + absl::Seconds(95));
}

TEST(UpstreamDeadlineTest, BoundsRequestsWithoutADeadline) {
  const absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(UpstreamDeadline(now, absl::InfiniteFuture()), now + absl::Minutes(10));
}

}  // namespace
}  // namespace glyph::gateway
