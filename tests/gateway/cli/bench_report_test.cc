#include "gateway/cli/bench_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(BenchReportTest, TakesPercentilesByNearestRank) {
  std::vector<double> hundred;
  for (int i = 100; i > 0; --i) hundred.push_back(i);
  const Percentiles of_hundred = PercentilesOf(hundred);
  EXPECT_EQ(of_hundred.count, 100u);
  EXPECT_EQ(of_hundred.p50, 50);
  EXPECT_EQ(of_hundred.p90, 90);
  EXPECT_EQ(of_hundred.p99, 99);
  EXPECT_EQ(of_hundred.max, 100);
  const Percentiles of_three = PercentilesOf({3, 1, 2});
  EXPECT_EQ(of_three.p50, 2);
  EXPECT_EQ(of_three.p90, 3);
  const Percentiles of_one = PercentilesOf({7});
  EXPECT_EQ(of_one.p50, 7);
  EXPECT_EQ(of_one.p99, 7);
  EXPECT_EQ(PercentilesOf({}).count, 0u);
}

TEST(BenchReportTest, LeavesTimesOfFailedCallsOut) {
  CallTimes good;
  good.first_token_ms = 10;
  good.inter_token_ms = {4, 6};
  good.total_ms = 20;
  good.output_tokens = 3;
  CallTimes failed;
  failed.status = rpc::ResourceExhausted("GATEWAY_FULL", absl::Seconds(1), "full");
  failed.first_token_ms = 1;
  failed.total_ms = 1000;
  const BenchReport report = Summarize({good, failed, good}, 2);
  EXPECT_EQ(report.num_requests, 3);
  EXPECT_EQ(report.num_ok, 2);
  EXPECT_EQ(report.output_tokens, 6u);
  EXPECT_EQ(report.first_token_ms.count, 2u);
  EXPECT_EQ(report.inter_token_ms.count, 4u);
  EXPECT_EQ(report.total_ms.max, 20);
  EXPECT_THAT(report.errors, ElementsAre(Pair("RESOURCE_EXHAUSTED GATEWAY_FULL", 1)));
  EXPECT_THAT(Describe(report), HasSubstr("3 requests in 2.00 s: 2 ok, 1 failed, 1.00 a second\n"));
  EXPECT_EQ(ToJson(report)["inter_token_ms"]["p90"], 6);
}

}  // namespace
}  // namespace glyph::gateway::cli
