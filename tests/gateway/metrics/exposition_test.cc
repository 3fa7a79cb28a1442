#include "gateway/metrics/exposition.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "gateway/metrics/build_info.h"
#include "gateway/metrics/gateway_metrics.h"
#include "gateway/metrics/memory_collector.h"
#include "gateway/metrics/service_collector.h"
#include "gateway/metrics/vllm_aliases.h"
#include "gateway/metrics/vlm_collector.h"
#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::WatchStatsResponse StatsOn(const std::string& device) {
  v1::WatchStatsResponse stats;
  stats.set_running(2);
  stats.set_waiting(3);
  stats.set_kv_blocks_total(100);
  stats.set_kv_blocks_used(30);
  stats.set_kv_blocks_cached(5);
  stats.set_finished_total(7);
  stats.set_vision_tokens_total(800);
  stats.set_vision_tokens_used(300);
  stats.set_vision_tokens_cached(100);
  stats.set_steps_total(12);
  stats.set_prompt_tokens_total(90);
  stats.set_prefilled_tokens_total(58);
  stats.set_reused_tokens_total(32);
  stats.set_pages_reused_total(4);
  stats.set_preemptions_total(2);
  stats.set_vision_ms_total(1500);
  stats.set_prefill_ms_total(250);
  stats.set_decode_ms_total(0.5);
  v1::MemoryUse& use = *stats.add_memory();
  use.set_device(device);
  use.set_component("weights");
  use.set_reserved_bytes(50);
  use.set_used_bytes(40);
  use.set_peak_start_bytes(45);
  use.set_peak_1m_bytes(43);
  use.set_peak_5m_bytes(44);
  stats.mutable_largest_request()->set_peak_start_bytes(9);
  stats.mutable_largest_request()->set_peak_1m_bytes(7);
  stats.mutable_largest_request()->set_peak_5m_bytes(8);
  stats.set_model_name("nano");
  return stats;
}

void AddStage(const std::string& name, uint64_t bytes, v1::WatchStatsResponse& stats) {
  v1::StageMemory& stage = *stats.add_memory_stages();
  stage.set_stage(name);
  stage.set_bytes(bytes);
}

class ExpositionTest : public ::testing::Test {
 protected:
  ExpositionTest() { RegisterBuildInfo(registry_); }

  prometheus::Registry registry_;
  GatewayMetrics metrics_{registry_};
  VlmStats stats_;
  VlmCollector vlm_{stats_};
  MemoryCollector memory_{stats_, [] { return ProcessMemory{1000, 2000}; }};
  ServiceCollector services_{[] { return true; }, [] { return false; }};
  Exposition exposition_{{&registry_, &vlm_, &memory_, &services_}};
};

TEST_F(ExpositionTest, CountsRequestsByOutcome) {
  metrics_.CountRequest(absl::StatusCode::kOk);
  metrics_.CountRequest(absl::StatusCode::kOk);
  metrics_.CountRequest(absl::StatusCode::kCancelled);

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_requests_total{outcome=\"ok\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("glyph_requests_total{outcome=\"cancelled\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("glyph_requests_total{outcome=\"internal\"} 0\n"));
}

TEST_F(ExpositionTest, SharesAGapAmongTheTokensThatCameTogether) {
  metrics_.ObserveInterToken(absl::Milliseconds(40), 4);

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_inter_token_latency_seconds_count 4\n"));
  EXPECT_THAT(text, HasSubstr("glyph_inter_token_latency_seconds_sum 0.04\n"));
  EXPECT_THAT(text, HasSubstr("glyph_inter_token_latency_seconds_bucket{le=\"0.01\"} 4\n"));
}

TEST_F(ExpositionTest, SumsPagesTokensAndCharacters) {
  metrics_.AddPages(2);
  metrics_.AddVisualTokens(300);
  metrics_.AddCharacters(900);
  metrics_.AddOutputTokens(11);
  metrics_.SetRequestsInFlight(4);
  metrics_.ObserveFirstToken(absl::Seconds(1));

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_pages_total 2\n"));
  EXPECT_THAT(text, HasSubstr("glyph_visual_tokens_total 300\n"));
  EXPECT_THAT(text, HasSubstr("glyph_characters_total 900\n"));
  EXPECT_THAT(text, HasSubstr("glyph_output_tokens_total 11\n"));
  EXPECT_THAT(text, HasSubstr("glyph_requests_in_flight 4\n"));
  EXPECT_THAT(text, HasSubstr("glyph_time_to_first_token_seconds_sum 1\n"));
}

TEST_F(ExpositionTest, NamesTheBuild) {
  EXPECT_THAT(exposition_.Text(), HasSubstr("glyph_build_info{service=\"gateway\",version=\""));
}

TEST_F(ExpositionTest, ShowsTheLoadOfTheModel) {
  stats_.Set(StatsOn("host"));

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_vlm_requests{state=\"waiting\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("glyph_vlm_requests{state=\"running\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("glyph_kv_blocks{state=\"used\"} 30\n"));
  EXPECT_THAT(text, HasSubstr("glyph_kv_blocks{state=\"cached\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("glyph_kv_blocks{state=\"free\"} 65\n"));
  EXPECT_THAT(text, HasSubstr("glyph_kv_blocks_capacity 100\n"));
  EXPECT_THAT(text, HasSubstr("glyph_vlm_requests_total{outcome=\"finished\"} 7\n"));
}

TEST_F(ExpositionTest, ShowsWhatTheModelReusesAndWhereItsTimeGoes) {
  stats_.Set(StatsOn("host"));

  const std::string text = exposition_.Text();
  for (const char* line : {
           "glyph_vlm_vision_tokens{state=\"used\"} 300\n",
           "glyph_vlm_vision_tokens{state=\"cached\"} 100\n",
           "glyph_vlm_vision_tokens{state=\"free\"} 400\n",
           "glyph_vlm_steps_total 12\n",
           "glyph_vlm_prompt_tokens_total 90\n",
           "glyph_vlm_prefilled_tokens_total 58\n",
           "glyph_vlm_prefix_reused_tokens_total 32\n",
           "glyph_vlm_pages_reused_total 4\n",
           "glyph_vlm_preemptions_total 2\n",
           "glyph_vlm_step_seconds_total{kind=\"vision\"} 1.5\n",
           "glyph_vlm_step_seconds_total{kind=\"prefill\"} 0.25\n",
           "glyph_vlm_step_seconds_total{kind=\"decode\"} 0.0005\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(ExpositionTest, ShowsNoLessThanNothingFree) {
  v1::WatchStatsResponse stats = StatsOn("host");
  stats.set_kv_blocks_used(90);
  stats.set_kv_blocks_cached(20);  // a snapshot between two moments
  stats_.Set(stats);

  EXPECT_THAT(exposition_.Text(), HasSubstr("glyph_kv_blocks{state=\"free\"} 0\n"));
}

TEST_F(ExpositionTest, HidesTheModelsSeriesWhileItIsAway) {
  stats_.Set(StatsOn("host"));
  stats_.Clear();

  EXPECT_THAT(exposition_.Text(), Not(HasSubstr("glyph_vlm")));
  EXPECT_THAT(exposition_.Text(), Not(HasSubstr("glyph_kv")));
}

TEST_F(ExpositionTest, ShowsHostMemoryAndNoDeviceMemoryOnACpu) {
  stats_.Set(StatsOn("host"));

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_memory_bytes{service=\"gateway\",component=\"process\","
                              "kind=\"used\"} 1000\n"));
  EXPECT_THAT(text, HasSubstr("glyph_memory_bytes{service=\"vlm_service\",component=\"weights\","
                              "kind=\"reserved\"} 50\n"));
  EXPECT_THAT(text, HasSubstr("glyph_memory_peak_bytes{service=\"vlm_service\","
                              "component=\"weights\",window=\"1m\"} 43\n"));
  EXPECT_THAT(text, Not(HasSubstr("glyph_gpu")));
}

TEST_F(ExpositionTest, ShowsDeviceMemoryWithItsPeaksOnAGpu) {
  stats_.Set(StatsOn("gpu1"));

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_gpu_memory_bytes{gpu=\"1\",component=\"weights\","
                              "kind=\"used\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("glyph_gpu_memory_peak_bytes{gpu=\"1\",component=\"weights\","
                              "window=\"start\"} 45\n"));
  EXPECT_THAT(text, HasSubstr("window=\"5m\"} 44\n"));
}

TEST_F(ExpositionTest, ShowsTheStagesThatWereReached) {
  v1::WatchStatsResponse stats = StatsOn("gpu0");
  AddStage("start", 600, stats);
  AddStage("loading", 900, stats);
  stats_.Set(stats);

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_gpu_memory_stage_bytes{stage=\"start\"} 600\n"));
  EXPECT_THAT(text, HasSubstr("glyph_gpu_memory_stage_bytes{stage=\"loading\"} 900\n"));
  EXPECT_THAT(text, Not(HasSubstr("stage=\"loaded\"")));
}

TEST_F(ExpositionTest, ShowsTheBudgetOfAGpu) {
  v1::WatchStatsResponse stats = StatsOn("gpu0");
  stats.set_gpu_memory_budget_bytes(123456789);
  stats_.Set(stats);
  EXPECT_THAT(exposition_.Text(), HasSubstr("glyph_gpu_memory_budget_bytes 123456789\n"));
}

TEST_F(ExpositionTest, ShowsTheLargestRequest) {
  stats_.Set(StatsOn("host"));

  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_largest_request_bytes{window=\"start\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("glyph_largest_request_bytes{window=\"1m\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("glyph_largest_request_bytes{window=\"5m\"} 8\n"));
}

TEST_F(ExpositionTest, ShowsWhichServicesAreReady) {
  const std::string text = exposition_.Text();
  EXPECT_THAT(text, HasSubstr("glyph_service_ready{service=\"render_service\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("glyph_service_ready{service=\"vlm_service\"} 0\n"));
}

class VllmAliasesTest : public ExpositionTest {
 protected:
  VllmAliases aliases_{stats_, registry_};
  Exposition aliased_{{&registry_, &aliases_}};
};

TEST_F(VllmAliasesTest, HasTheFiguresUnderTheNamesOfVllm) {
  stats_.Set(StatsOn("host"));
  metrics_.ObserveFirstToken(absl::Seconds(2));
  metrics_.ObserveInterToken(absl::Milliseconds(40), 4);

  const std::string text = aliased_.Text();
  for (const char* line : {
           "vllm:num_requests_running{model_name=\"nano\",engine=\"0\"} 2\n",
           "vllm:num_requests_waiting{model_name=\"nano\",engine=\"0\"} 3\n",
           "vllm:kv_cache_usage_perc{model_name=\"nano\",engine=\"0\"} 0.3\n",
           "# TYPE vllm:prompt_tokens_total counter\n",
           "vllm:prompt_tokens_total{model_name=\"nano\",engine=\"0\"} 90\n",
           "vllm:generation_tokens_total{model_name=\"nano\",engine=\"0\"} 0\n",
           "vllm:prefix_cache_queries_total{model_name=\"nano\",engine=\"0\"} 90\n",
           "vllm:prefix_cache_hits_total{model_name=\"nano\",engine=\"0\"} 32\n",
           "vllm:num_preemptions_total{model_name=\"nano\",engine=\"0\"} 2\n",
           "# TYPE vllm:time_to_first_token_seconds histogram\n",
           "vllm:time_to_first_token_seconds_sum{model_name=\"nano\",engine=\"0\"} 2\n",
           "vllm:time_to_first_token_seconds_bucket{model_name=\"nano\",engine=\"0\",le=\"3\"} 1\n",
           "vllm:inter_token_latency_seconds_count{model_name=\"nano\",engine=\"0\"} 4\n",
           "\nglyph_time_to_first_token_seconds_sum 2\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("vllm:requests")));
}

TEST_F(VllmAliasesTest, AreAbsentWhileTheModelIsAway) {
  metrics_.ObserveFirstToken(absl::Seconds(2));
  EXPECT_THAT(aliased_.Text(), Not(HasSubstr("vllm:")));
}

TEST_F(VllmAliasesTest, DivideByNoEmptyCache) {
  stats_.Set(v1::WatchStatsResponse());
  EXPECT_THAT(aliased_.Text(),
              HasSubstr("vllm:kv_cache_usage_perc{model_name=\"\",engine=\"0\"} 0\n"));
}

TEST_F(ExpositionTest, PassesPromtool) {
  v1::WatchStatsResponse both = StatsOn("host");
  *both.add_memory() = StatsOn("gpu0").memory(0);
  both.set_gpu_memory_budget_bytes(60);
  AddStage("start", 600, both);
  stats_.Set(both);
  metrics_.ObserveFirstToken(absl::Seconds(1));
  const std::string path = ::testing::TempDir() + "glyph_exposition.txt";
  std::ofstream(path) << exposition_.Text();
  std::FILE* pipe = popen(("promtool check metrics < " + path + " 2>&1").c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  char buffer[4096];
  while (size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
  const int exit_code = pclose(pipe);
  std::remove(path.c_str());

  EXPECT_EQ(exit_code, 0) << output << "(promtool is in Debian's package prometheus)";
  EXPECT_EQ(output, "");
}

}  // namespace
}  // namespace glyph::gateway
