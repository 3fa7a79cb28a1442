#include "gateway/gateway.h"

#include <map>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gateway/routing/rpc_vlm_client.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "proto/rpc/error.h"
#include "tests/gateway/gateway_fixture.h"

namespace glyph::gateway {
namespace {

using GatewayTest = GatewayFixture;

TEST_F(GatewayTest, ServesExactlyWhileBothServicesDo) {
  render_->SetServing(false);
  EXPECT_TRUE(WaitUntilServing(false));
  render_->SetServing(true);
  EXPECT_TRUE(WaitUntilServing(true));
  vlm_.reset();
  EXPECT_TRUE(WaitUntilServing(false));
}

TEST_F(GatewayTest, StaysUpWhileTheServicesAreDownAndServesWhenTheyComeBack) {
  const int port = vlm_->port();
  vlm_.reset();
  ASSERT_TRUE(WaitUntilServing(false));
  const Answered answered = Ask(DocumentRequest());
  vlm_ = std::make_unique<fakes::FakeVlmService>(port);

  EXPECT_EQ(answered.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rpc::GetErrorDetails(answered.status).reason, "VLM_UNAVAILABLE");
  EXPECT_TRUE(WaitUntilServing(true));
  EXPECT_TRUE(Ask(DocumentRequest()).status.ok());
}

TEST_F(GatewayTest, SendsNoPixelsOfPagesTheModelHas) {
  fakes::FakeVlmService::Behaviour behaviour;
  behaviour.keeps_pages = true;
  vlm_->SetBehaviour(behaviour);
  const Answered first = Ask(DocumentRequest());
  const int num_strips = vlm_->num_strips();
  const Answered second = Ask(DocumentRequest());

  EXPECT_TRUE(first.status.ok()) << first.status;
  EXPECT_TRUE(second.status.ok()) << second.status;
  EXPECT_EQ(num_strips, 4);  // two pages of two
  EXPECT_EQ(vlm_->num_strips(), 4);
  EXPECT_EQ(second.text(), first.text());
  EXPECT_EQ(second.events.back().finished().usage().visual_tokens(), 8u);
  EXPECT_EQ(second.events.back().finished().usage().cached_tokens(), 3u);
}

TEST_F(GatewayTest, AnswersWithSeveralSamples) {
  v1::AskRequest request = DocumentRequest();
  request.mutable_generation()->set_n(3);
  const Answered answered = Ask(request);

  ASSERT_TRUE(answered.status.ok()) << answered.status;
  std::map<uint32_t, std::string> texts;
  for (const v1::AskResponse& event : answered.events) {
    if (event.has_delta()) texts[event.delta().sample()] += event.delta().text();
  }
  EXPECT_EQ(texts, (std::map<uint32_t, std::string>{
                       {0, "Hello world"}, {1, "Hello world"}, {2, "Hello world"}}));
  const v1::AskFinished& finished = answered.events.back().finished();
  ASSERT_EQ(finished.samples_size(), 3);
  EXPECT_EQ(finished.samples(0).reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(finished.samples(2).reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(finished.samples(2).output_tokens(), 3u);
  EXPECT_EQ(finished.usage().output_tokens(), 9u);
}

TEST_F(GatewayTest, ResumesABrokenAnswerFromItsTokens) {
  v1::AskRequest request = DocumentRequest();
  request.mutable_generation()->set_logprobs(2);
  fakes::FakeVlmService::Behaviour breaks;
  breaks.fail_after = 6;  // admitted, two decisions, two pages, one token
  breaks.error = grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  vlm_->SetBehaviour(breaks);
  const Answered broken = Ask(request);
  vlm_->SetBehaviour({});
  for (const v1::AskResponse& event : broken.events) {
    request.mutable_forced_output_ids()->MergeFrom(event.delta().token_ids());
  }
  const Answered resumed = Ask(request);

  EXPECT_EQ(broken.status.code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(request.forced_output_ids_size(), 1);
  ASSERT_TRUE(resumed.status.ok()) << resumed.status;
  EXPECT_EQ(broken.text() + resumed.text(), "Hello world");
  for (const v1::AskResponse& event : resumed.events) {
    if (!event.has_delta()) continue;
    ASSERT_EQ(event.delta().logprobs_size(), event.delta().token_ids_size());
    EXPECT_LE(event.delta().logprobs(0).logprob(), -1);  // of token 1 or 2
    EXPECT_EQ(event.delta().logprobs(0).top_logprobs_size(), 2);
  }
}

TEST_F(GatewayTest, PassesTheTraceparentOfACallOn) {
  const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  RpcVlmClient client(grpc::CreateChannel(vlm_->address(), grpc::InsecureChannelCredentials()));
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  for (const std::string& sent : {traceparent, std::string()}) {
    absl::Notification ended;
    const auto call = client.Generate(UpstreamCall(deadline, sent),
                                      {.on_event = [](const v1::GenerateResponse&) {},
                                       .on_done = [&](const absl::Status&) { ended.Notify(); }});
    const size_t num_starts = vlm_->starts().size();
    v1::GenerateRequest request;
    request.mutable_start();
    call->Write(request, nullptr);
    EXPECT_TRUE(vlm_->WaitForStarts(num_starts + 1));
    EXPECT_EQ(vlm_->traceparent(), sent);
    call->Cancel();
    ended.WaitForNotification();
  }
}

TEST(GatewayStartTest, RefusesOtherThanLoopbackAddressesAndSaysWhy) {
  GatewayOptions options;
  options.host = "0.0.0.0";
  const absl::Status status = Gateway::Start(options).status();
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "HOST_NOT_LOOPBACK");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("--insecure"));

  options.key_file = "/nowhere";  // with keys it would be allowed
  EXPECT_EQ(rpc::GetErrorDetails(Gateway::Start(options).status()).reason, "KEY_FILE_UNREADABLE");
  options.key_file.clear();

  options.insecure = true;
  options.http_port = options.grpc_port = options.metrics_port = 0;
  EXPECT_TRUE(Gateway::Start(options).ok());
}

TEST(GatewayStartTest, RefusesMalformedAddressesOfServices) {
  for (const char* address : {"", "host", "host:", ":1", "host:0", "host:65536", "host:x"}) {
    GatewayOptions options;
    options.vlm_address = address;
    EXPECT_EQ(rpc::GetErrorDetails(Gateway::Start(options).status()).reason, "ADDRESS_INVALID")
        << address;
  }
}

TEST(GatewayStartTest, SaysWhichPortIsTaken) {
  GatewayOptions options;
  options.http_port = options.grpc_port = options.metrics_port = 0;
  const auto first = Gateway::Start(options);
  ASSERT_TRUE(first.ok());
  for (int GatewayOptions::*port :
       {&GatewayOptions::http_port, &GatewayOptions::grpc_port, &GatewayOptions::metrics_port}) {
    GatewayOptions second = options;
    second.*port = (*first)->grpc_port();
    const absl::Status status = Gateway::Start(second).status();
    EXPECT_EQ(rpc::GetErrorDetails(status).reason, "PORT_TAKEN");
    EXPECT_THAT(std::string(status.message()),
                ::testing::HasSubstr(std::to_string((*first)->grpc_port())));
  }
}

}  // namespace
}  // namespace glyph::gateway
