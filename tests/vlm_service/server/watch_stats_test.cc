#include "grpcpp/grpcpp.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "tests/vlm_service/server/server_fixture.h"
#include "vlm_service/server/watch_stats_call.h"

namespace glyph::vlm {
namespace {

class WatchStatsTest : public ServerFixture {
 protected:
  absl::Status FirstOf(uint32_t interval_ms, v1::WatchStatsResponse& response) {
    grpc::ClientContext context;
    v1::WatchStatsRequest request;
    request.set_interval_ms(interval_ms);
    const auto stream = stub().WatchStats(&context, request);
    if (stream->Read(&response)) return absl::OkStatus();
    return rpc::FromGrpcStatus(stream->Finish());
  }
};

TEST_F(WatchStatsTest, CountsSinceTheStart) {
  ASSERT_TRUE(Ask(stub(), StartRequest("?", 1, 6), {RenderedPage(0, 56, 84)}).status.ok());
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(FirstOf(0, stats).ok());
  EXPECT_EQ(stats.finished_total(), 1u);
  EXPECT_EQ(stats.output_tokens_total(), 6u);
  EXPECT_EQ(stats.pages_encoded_total(), 1u);
  EXPECT_EQ(stats.kv_blocks_total(), 200u);
  EXPECT_EQ(stats.block_tokens(), 16u);
  EXPECT_EQ(stats.kv_blocks_used(), 0u);
  EXPECT_GT(stats.prefilled_tokens_total(), 12u);
  EXPECT_EQ(stats.prompt_tokens_total(), stats.prefilled_tokens_total());
  EXPECT_EQ(stats.vision_tokens_used(), 0u);
  EXPECT_EQ(stats.vision_tokens_cached(), 6u);
  EXPECT_EQ(stats.vision_tokens_total(), 400u);
  EXPECT_EQ(stats.preemptions_total(), 0u);
  EXPECT_GT(stats.vision_ms_total(), 0);
  EXPECT_GT(stats.prefill_ms_total(), 0);
  EXPECT_GT(stats.decode_ms_total(), 0);
  bool has_process = false;
  for (const v1::MemoryUse& use : stats.memory()) {
    EXPECT_GE(use.peak_start_bytes(), use.peak_1m_bytes());
    EXPECT_GE(use.peak_1m_bytes(), use.used_bytes());
    has_process |= use.component() == "process";
  }
  EXPECT_TRUE(has_process);
}

TEST_F(WatchStatsTest, CountsWhatIsReused) {
  const v1::GenerateRequest text = StartRequest(std::string(40, 'a'));
  uint64_t num_prompt = 0, num_cached = 0;
  for (int i = 0; i < 2; ++i) {
    for (const Answer& answer :
         {Ask(stub(), text), Ask(stub(), StartRequest("?", 1, 6), {RenderedPage(0, 56, 84)})}) {
      ASSERT_TRUE(answer.status.ok()) << answer.status;
      num_prompt += answer.finished->prompt_tokens();
      num_cached += answer.finished->cached_tokens();
    }
  }
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(FirstOf(0, stats).ok());
  EXPECT_EQ(stats.pages_encoded_total(), 1u);
  EXPECT_EQ(stats.pages_reused_total(), 1u);
  EXPECT_GE(stats.kv_blocks_cached(), 2u);
  EXPECT_GE(num_cached, 32u);  // whole blocks of 16
  EXPECT_EQ(stats.reused_tokens_total(), num_cached);
  EXPECT_EQ(stats.prefilled_tokens_total(), num_prompt - num_cached);
  EXPECT_EQ(stats.prompt_tokens_total(), num_prompt);
}

TEST_F(WatchStatsTest, NamesTheStagesOfAGpu) {
  EngineStats stats;
  stats.memory_stages = {{"start", 600}, {"loading", 900}};
  const v1::WatchStatsResponse response = ToProto(stats, ExecutorLimits());
  ASSERT_EQ(response.memory_stages_size(), 2);
  EXPECT_EQ(response.memory_stages(1).stage(), "loading");
  EXPECT_EQ(response.memory_stages(1).bytes(), 900u);
}

TEST_F(WatchStatsTest, TellsTheBudgetOfAGpu) {
  const ExecutorLimits limits = {.gpu_memory_budget_bytes = int64_t{22} << 30};
  EXPECT_EQ(ToProto(EngineStats(), limits).gpu_memory_budget_bytes(), uint64_t{22} << 30);
}

TEST_F(WatchStatsTest, TellsNoStagesAndNoBudgetWithoutAGpu) {
  ASSERT_TRUE(Ask(stub(), StartRequest("?", 1, 6), {RenderedPage(0, 56, 84)}).status.ok());
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(FirstOf(0, stats).ok());
  EXPECT_EQ(stats.memory_stages_size(), 0);
  EXPECT_EQ(stats.gpu_memory_budget_bytes(), 0u);
}

TEST_F(WatchStatsTest, NamesTheModelAndTellsTheLargestRequest) {
  ASSERT_TRUE(Ask(stub(), StartRequest("?", 1, 6), {RenderedPage(0, 56, 84)}).status.ok());
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(FirstOf(0, stats).ok());
  EXPECT_EQ(stats.model_name(), "test");
  // The fake's pages and KV cache cost a byte a token.
  EXPECT_GE(stats.largest_request().peak_start_bytes(), 16u + 6u);
  EXPECT_EQ(stats.largest_request().peak_1m_bytes(), stats.largest_request().peak_start_bytes());
}

TEST_F(WatchStatsTest, RepeatsAtItsInterval) {
  grpc::ClientContext context;
  v1::WatchStatsRequest request;
  request.set_interval_ms(100);
  const auto stream = stub().WatchStats(&context, request);
  v1::WatchStatsResponse stats;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream->Read(&stats));
  context.TryCancel();
  while (stream->Read(&stats)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(WatchStatsTest, RefusesIntervalsOutOfRange) {
  v1::WatchStatsResponse stats;
  for (const uint32_t interval : {1u, 99u, 60001u, 4294967295u}) {
    const absl::Status status = FirstOf(interval, stats);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << interval;
    EXPECT_EQ(rpc::GetErrorDetails(status).field, "interval_ms");
  }
  EXPECT_TRUE(FirstOf(100, stats).ok());
  EXPECT_TRUE(FirstOf(60000, stats).ok());
}

TEST_F(WatchStatsTest, EndsWhenTheServiceDrains) {
  grpc::ClientContext context;
  v1::WatchStatsRequest request;
  request.set_interval_ms(60000);
  const auto stream = stub().WatchStats(&context, request);
  v1::WatchStatsResponse stats;
  ASSERT_TRUE(stream->Read(&stats));
  service_->Drain();
  EXPECT_FALSE(stream->Read(&stats));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(FirstOf(0, stats).code(), absl::StatusCode::kUnavailable);
}

TEST_F(WatchStatsTest, CountsTheTokensOfTexts) {
  const auto count = [this](const std::string& text, uint64_t& tokens) {
    grpc::ClientContext context;
    v1::CountTokensRequest request;
    request.set_text(text);
    v1::CountTokensResponse response;
    const grpc::Status status = stub().CountTokens(&context, request, &response);
    tokens = response.tokens();
    return rpc::FromGrpcStatus(status);
  };
  // A prompt has as many more tokens as its text has.
  const Answer empty = Ask(stub(), StartRequest("?"));
  const Answer asked = Ask(stub(), StartRequest("?hello <|user|> world"));
  uint64_t tokens = 0, one = 0;
  ASSERT_TRUE(count("?", one).ok());
  ASSERT_TRUE(count("?hello <|user|> world", tokens).ok());
  EXPECT_GT(tokens, one);
  EXPECT_EQ(tokens - one, asked.finished->prompt_tokens() - empty.finished->prompt_tokens());
  ASSERT_TRUE(count("", tokens).ok());
  EXPECT_EQ(tokens, 0u);
  std::string text((512 << 10) - 1, 'a');
  EXPECT_TRUE(count(text, tokens).ok());
  EXPECT_TRUE(count(text += 'a', tokens).ok());
  EXPECT_EQ(rpc::GetErrorDetails(count(text += 'a', tokens)).reason, "INPUT_TOO_LARGE");
}

TEST_F(WatchStatsTest, GetModelDescribesTheModel) {
  grpc::ClientContext context;
  v1::GetModelResponse response;
  ASSERT_TRUE(stub().GetModel(&context, {}, &response).ok());
  const v1::Model& model = response.model();
  EXPECT_EQ(model.name(), "test");
  EXPECT_EQ(model.contract_version(), "1.3");
  EXPECT_EQ(model.page_grid_px(), 28u);
  EXPECT_EQ(model.max_page_pixels(), 28u * 28 * 7500);
  EXPECT_EQ(model.profile_fingerprint(), std::string(32, 'F'));
  EXPECT_EQ(model.context_tokens(), 2000u);
  EXPECT_EQ(model.vocab_size(), 2000u);
  EXPECT_EQ(model.num_parameters(), 12345u);
  EXPECT_THAT(model.stop_token_ids(), testing::ElementsAre(263u));
}

}  // namespace
}  // namespace glyph::vlm
