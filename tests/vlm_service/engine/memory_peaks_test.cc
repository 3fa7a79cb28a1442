#include "vlm_service/engine/memory_peaks.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(RollingPeak, ForgetsWhatLeftTheWindow) {
  RollingPeak peak;
  peak.Record(100, absl::Seconds(1));
  peak.Record(10, absl::Seconds(30));
  EXPECT_EQ(peak.Peak(absl::Minutes(1), absl::Seconds(60)), 100);
  EXPECT_EQ(peak.Peak(absl::Minutes(1), absl::Seconds(66)), 10);
  EXPECT_EQ(peak.Peak(absl::Minutes(5), absl::Seconds(300)), 100);
  EXPECT_EQ(peak.Peak(absl::Minutes(5), absl::Seconds(306)), 10);
  EXPECT_EQ(peak.peak_since_start(), 100);
}

TEST(RollingPeak, ReusesItsBucketsAfterFiveMinutes) {
  RollingPeak peak;
  peak.Record(100, absl::Seconds(2));
  peak.Record(7, absl::Seconds(2 + 61 * 5));  // the same bucket, one turn later
  EXPECT_EQ(peak.Peak(absl::Minutes(5), absl::Seconds(310)), 7);
}

TEST(MemoryPeaks, KeepsAPeakBetweenTwoReadings) {
  MemoryPeaks peaks;
  peaks.Record("host", "vision", 500, 100, absl::Seconds(1));
  peaks.Record("host", "vision", 500, 300, absl::Seconds(2));
  peaks.Record("host", "vision", 500, 50, absl::Seconds(3));
  for (int reader = 0; reader < 2; ++reader) {  // reading resets nothing
    const auto gauges = peaks.Snapshot(absl::Seconds(4));
    ASSERT_EQ(gauges.size(), 1u);
    EXPECT_EQ(gauges[0].component, "vision");
    EXPECT_EQ(gauges[0].reserved_bytes, 500);
    EXPECT_EQ(gauges[0].used_bytes, 50);
    EXPECT_EQ(gauges[0].peak_start_bytes, 300);
    EXPECT_EQ(gauges[0].peak_1m_bytes, 300);
  }
}

TEST(MemoryPeaks, CountsMemoryHeldWhileNothingWasRecorded) {
  MemoryPeaks peaks;
  peaks.Record("host", "kv", 0, 200, absl::Seconds(1));
  EXPECT_EQ(peaks.Snapshot(absl::Seconds(500))[0].peak_1m_bytes, 200);
  peaks.Record("host", "kv", 0, 10, absl::Seconds(600));
  EXPECT_EQ(peaks.Snapshot(absl::Seconds(601))[0].peak_1m_bytes, 200);
}

TEST(MemoryPeaks, KnowsTheMemoryOfThisProcess) { EXPECT_GT(ResidentBytes(), 1 << 20); }

}  // namespace
}  // namespace glyph::vlm
