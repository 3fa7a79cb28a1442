#include "tests/gateway/gateway_fixture.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace glyph::gateway {

std::string Answered::text() const {
  std::string text;
  for (const v1::AskResponse& event : events) text += event.delta().text();
  return text;
}

GatewayFixture::GatewayFixture(int max_requests) {
  GatewayOptions options;
  options.max_requests = max_requests;
  options.upstream_wait = options.restart_grace = absl::ZeroDuration();
  Restart(options);
  EXPECT_TRUE(WaitUntilServing(true));
}

void GatewayFixture::Restart(GatewayOptions options) {
  options.render_address = render_->address();
  options.vlm_address = vlm_->address();
  options.http_port = options.grpc_port = options.metrics_port = 0;
  gateway_.reset();
  auto gateway = Gateway::Start(options);
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  gateway_ = *std::move(gateway);
  channel_ = grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  stub_ = v1::GlyphService::NewStub(channel_);
}

bool GatewayFixture::WaitUntilServing(bool serving) const {
  using grpc::health::v1::HealthCheckResponse;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("glyph.v1.GlyphService");
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  const auto stream = health->Watch(&context, request);
  HealthCheckResponse response;
  bool reached = false;
  while (!reached && stream->Read(&response)) {
    reached = (response.status() == HealthCheckResponse::SERVING) == serving;
  }
  context.TryCancel();
  stream->Finish();
  return reached;
}

bool GatewayFixture::WaitUntilIdle() const {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < patience) {
    grpc::ClientContext context;
    v1::GetStatusResponse status;
    if (!stub_->GetStatus(&context, v1::GetStatusRequest(), &status).ok()) return false;
    if (status.requests_in_flight() == 0) return true;
  }
  return false;
}

Answered GatewayFixture::Ask(const v1::AskRequest& request) const {
  grpc::ClientContext context;
  return ReadAll(*stub_->Ask(&context, request));
}

std::string GatewayFixture::address() const {
  return absl::StrCat("127.0.0.1:", gateway_->grpc_port());
}

v1::AskRequest GatewayFixture::DocumentRequest(const std::string& text) {
  v1::AskRequest request;
  request.add_parts()->mutable_document()->set_text(text);
  request.add_parts()->set_text("What is it?");
  return request;
}

}  // namespace glyph::gateway
