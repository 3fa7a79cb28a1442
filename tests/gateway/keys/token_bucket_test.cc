#include "gateway/keys/token_bucket.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const SteadyTime kStart = SteadyTime() + std::chrono::hours(1);

TEST(TokenBucketTest, GivesExactlyAMinutesWorthAtOnce) {
  TokenBucket bucket(3, kStart);
  bucket.Spend(2, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::ZeroDuration());  // limit - 1 spent
  bucket.Spend(1, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::Seconds(20));  // the limit
  bucket.Spend(1, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::Seconds(40));  // limit + 1
}

TEST(TokenBucketTest, HasOneExactlyAfterTheWaitItTells) {
  for (const int64_t per_minute : {1, 7, 60, 59'999, 1'000'000'000}) {
    TokenBucket bucket(per_minute, kStart);
    bucket.Spend(per_minute, kStart);
    const auto wait = milliseconds(absl::ToInt64Milliseconds(bucket.UntilOne(kStart)));
    EXPECT_GT(bucket.UntilOne(kStart + wait - milliseconds(1)), absl::ZeroDuration()) << per_minute;
    EXPECT_EQ(bucket.UntilOne(kStart + wait), absl::ZeroDuration()) << per_minute;
  }
}

TEST(TokenBucketTest, LosesNothingToManySmallSteps) {
  TokenBucket bucket(1, kStart);
  bucket.Spend(1, kStart);
  for (int i = 1; i < 60'000; i += 7) bucket.UntilOne(kStart + std::chrono::microseconds(i * 1000));
  EXPECT_EQ(bucket.UntilOne(kStart + milliseconds(59'999)), absl::Milliseconds(1));
  EXPECT_EQ(bucket.UntilOne(kStart + milliseconds(60'000)), absl::ZeroDuration());
}

TEST(TokenBucketTest, SavesUpNoMoreThanAMinute) {
  TokenBucket bucket(2, kStart);
  const SteadyTime later = kStart + std::chrono::hours(24 * 365);
  bucket.Spend(2, later);
  EXPECT_EQ(bucket.UntilOne(later), absl::Seconds(30));
}

TEST(TokenBucketTest, PaysADebtFirst) {
  TokenBucket bucket(60, kStart);
  bucket.Spend(60 + 119, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::Seconds(120));
  bucket.Spend(-119, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart + seconds(1)), absl::ZeroDuration());
}

TEST(TokenBucketTest, WithoutALimitHasAlwaysOne) {
  TokenBucket bucket(0, kStart);
  bucket.Spend(1'000'000'000, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::ZeroDuration());
}

TEST(TokenBucketTest, KeepsWhatWasSpentUnderANewLimit) {
  TokenBucket bucket(10, kStart);
  bucket.Spend(4, kStart);
  bucket.SetPerMinute(5, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::ZeroDuration());
  bucket.Spend(1, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::Seconds(12));
  bucket.SetPerMinute(0, kStart);
  EXPECT_EQ(bucket.UntilOne(kStart), absl::ZeroDuration());
  bucket.SetPerMinute(1, kStart + minutes(1));
  EXPECT_EQ(bucket.UntilOne(kStart + minutes(1)), absl::ZeroDuration());
}

}  // namespace
}  // namespace glyph::gateway
