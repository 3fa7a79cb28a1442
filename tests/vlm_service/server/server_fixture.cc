#include "tests/vlm_service/server/server_fixture.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "grpcpp/grpcpp.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {
namespace {

std::optional<int32_t> TestModel(const FakeQuery& query) {
  const auto index = static_cast<size_t>(query.num_outputs);
  const auto prompt = query.observed.first(query.observed.size() - index);
  const auto asks = [prompt](char c) {
    return std::find(prompt.begin(), prompt.end(), static_cast<int32_t>(c)) != prompt.end();
  };
  if (asks('L')) return 'x';
  if (asks('W')) return kLongId;
  if (asks('V')) {
    if (index < 150) return kLongId;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // a model that takes its time
    return 'x';
  }
  if (asks('~')) return index < 1 ? std::optional<int32_t>('x') : std::nullopt;
  if (asks('S')) return index < 1 ? static_cast<int32_t>('a' + query.seed) : kStopId;
  constexpr std::string_view kHello = "hello";
  return index < kHello.size() ? kHello[index] : kStopId;
}

std::string_view TokenBytes(const Tokenizer& tokenizer, int32_t id) {
  static const std::string wide(1000, 'w');
  return id == kLongId ? std::string_view(wide) : tokenizer.TokenBytes(id);
}

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

ServerFixture::ServerFixture(absl::Duration stall_timeout) {
  auto loaded = Tokenizer::Load("deploy/models/nano");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  const std::shared_ptr<const Tokenizer> tokenizer = *std::move(loaded);
  prompts_ = *PromptBuilder::Create(tokenizer);
  model_.name = "test";
  model_.dtype = "float32";
  model_.device = "cpu";
  model_.vocab_size = 2000;
  model_.context_tokens = kLimits.context_tokens;
  model_.num_parameters = 12345;
  model_.stop_token_ids = {kStopId};
  model_.render_profile_json = "{}";
  model_.profile_fingerprint = std::string(32, 'F');
  auto executor = std::make_unique<FakeStepExecutor>(kLimits, TestModel);
  executor_ = executor.get();
  engine_ = std::make_unique<Engine>(
      std::move(executor),
      TokenMeaning{[tokenizer](int32_t id) { return TokenBytes(*tokenizer, id); }, {kStopId}},
      SteadyNow, EngineOptions{});
  service_ =
      std::make_unique<VlmServiceImpl>(CallEnvironment{*engine_, model_, *prompts_, stall_timeout});
  rpc::ServerOptions options;
  options.drain = absl::Seconds(20);
  server_ = *rpc::ServerRunner::Start(options, {service_.get()});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // a fixed window, for readers that stay behind
  channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                       grpc::InsecureChannelCredentials(), arguments);
  stub_ = v1::VlmService::NewStub(channel_);
}

ServerFixture::~ServerFixture() {
  service_->Drain();
  server_.reset();  // before what its calls use
}

void ServerFixture::AwaitIdle() {
  grpc::ClientContext context;
  v1::WatchStatsRequest request;
  request.set_interval_ms(100);
  const auto stream = stub().WatchStats(&context, request);
  v1::WatchStatsResponse stats;
  while (stream->Read(&stats) && stats.running() + stats.waiting() > 0) {
  }
  context.TryCancel();
}

void ServerFixture::ExpectNothingLeft() {
  AwaitIdle();
  executor_->AwaitNoSlots();
  EXPECT_EQ(engine_->Stats().counts.kv_blocks_used, 0);
  EXPECT_EQ(engine_->Stats().counts.vision_tokens_used, 0);
}

}  // namespace glyph::vlm
