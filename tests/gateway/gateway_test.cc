#include "gateway/gateway.h"

#include "gmock/gmock.h"
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

TEST(GatewayStartTest, RefusesOtherThanLoopbackAddressesAndSaysWhy) {
  GatewayOptions options;
  options.host = "0.0.0.0";
  const absl::Status status = Gateway::Start(options).status();
  EXPECT_EQ(rpc::GetErrorDetails(status).reason, "HOST_NOT_LOOPBACK");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("--insecure"));

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
