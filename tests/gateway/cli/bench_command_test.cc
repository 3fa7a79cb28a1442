#include "gateway/cli/bench_command.h"

#include <signal.h>
#include <sysexits.h>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "tests/gateway/cli/glyph_fixture.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::HasSubstr;

class BenchCommandTest : public GlyphTest {
 protected:
  std::vector<std::string> BenchArguments(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"bench", "--server", address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
};

TEST_F(BenchCommandTest, MeasuresWhatEndsWell) {
  const auto result = RunGlyph(BenchArguments(
      {"--json", "--rate", "200", "--requests", "5", "--file", File("a", "one"), "Q"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["requests"], 5);
  EXPECT_EQ(report["ok"], 5);
  EXPECT_EQ(report["output_tokens"], 15);
  EXPECT_EQ(report["first_token_ms"]["count"], 5);
  EXPECT_EQ(report["total_ms"]["count"], 5);
  EXPECT_LE(report["first_token_ms"]["max"], report["total_ms"]["max"]);
  EXPECT_GE(report["seconds"], 4 / 200.0);
  EXPECT_TRUE(report["errors"].empty());
  EXPECT_EQ(vlm_->starts().size(), 5u);
}

TEST_F(BenchCommandTest, BeginsOnTimeWhateverBecomesOfEarlierRequestsAndCancelsAllAtCtrlC) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  Program bench(GLYPH_BINARY, BenchArguments({"--rate", "1000", "--requests", "3", "Q"}));
  ASSERT_TRUE(vlm_->WaitForStarts(3));  // none of them ends
  bench.Signal(SIGINT);
  const auto result = bench.Wait();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_THAT(result.out, HasSubstr("3 requests in "));
  EXPECT_THAT(result.out, HasSubstr("3 failed: CANCELLED"));
  EXPECT_TRUE(vlm_->WaitForCancelled(3));
}

TEST_F(BenchCommandTest, BeginsNoMoreAfterCtrlC) {
  Program bench(GLYPH_BINARY, BenchArguments({"--rate", "0.001", "--requests", "2", "Q"}));
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  bench.Signal(SIGINT);
  EXPECT_EQ(bench.Wait().exit_code, 130);
  EXPECT_EQ(vlm_->starts().size(), 1u);
}

TEST_F(BenchCommandTest, CountsErrorsByCodeAndReason) {
  fakes::FakeVlmService::Behaviour fail;
  fail.fail_after = 0;
  fail.error = rpc::ToGrpcStatus(rpc::ResourceExhausted("QUEUE_FULL", absl::Seconds(1), "full"));
  vlm_->SetBehaviour(fail);
  const auto result = RunGlyph(BenchArguments({"--rate", "1000", "--requests", "4", "Q"}));
  EXPECT_EQ(result.exit_code, EX_UNAVAILABLE);
  EXPECT_THAT(result.out, HasSubstr(": 0 ok, 4 failed, "));
  EXPECT_THAT(result.out, HasSubstr("4 failed: RESOURCE_EXHAUSTED QUEUE_FULL\n"));
  EXPECT_THAT(result.err, HasSubstr("glyph: full [QUEUE_FULL]\n"));
}

TEST_F(BenchCommandTest, StatesItsLimits) {
  for (const char* requests : {"0", "10001", "-1", "1.5"}) {
    ExpectFailure(RunGlyph(BenchArguments({"--requests", requests, "Q"})), EX_USAGE, "--requests");
  }
  for (const char* rate : {"0", "0.0009", "10001", "nan", "x"}) {
    ExpectFailure(RunGlyph(BenchArguments({"--rate", rate, "Q"})), EX_USAGE, "--rate");
  }
  EXPECT_EQ(RunGlyph(BenchArguments({"--rate", "10000", "--requests", "1", "Q"})).exit_code, 0);
  EXPECT_EQ(RunGlyph(BenchArguments({"--rate", "0.001", "--requests", "1", "Q"})).exit_code, 0);
}

}  // namespace
}  // namespace glyph::gateway::cli
