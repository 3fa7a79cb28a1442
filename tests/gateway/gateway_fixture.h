#pragma once
#include <memory>
#include <string>
#include <vector>

#include "gateway/gateway.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "gtest/gtest.h"
#include "proto/rpc/status_conversion.h"
#include "tests/fakes/fake_render_service.h"
#include "tests/fakes/fake_vlm_service.h"

namespace glyph::gateway {

// How one streamed answer went.
struct Answered {
  std::vector<v1::AskResponse> events;
  absl::Status status;

  std::string text() const;  // of all deltas
};

// A whole gateway in this process, ready, between a fake renderer, a fake model and gRPC clients.
class GatewayFixture : public ::testing::Test {
 protected:
  explicit GatewayFixture(int max_requests = 64);

  // Replaces the gateway by one with other options; the addresses and ports are filled in here.
  void Restart(GatewayOptions options);
  // Waits until the gateway's health is (or is not) SERVING. False after ten seconds.
  bool WaitUntilServing(bool serving) const;

  // Waits until no request is in flight. False after ten seconds.
  bool WaitUntilIdle() const;

  Answered Ask(const v1::AskRequest& request) const;
  // Reads an Ask or AskStream call to its end.
  template <typename Stream>
  static Answered ReadAll(Stream& stream) {
    Answered answered;
    v1::AskResponse event;
    while (stream.Read(&event)) answered.events.push_back(event);
    answered.status = rpc::FromGrpcStatus(stream.Finish());
    return answered;
  }
  std::string address() const;

  static v1::AskRequest DocumentRequest(const std::string& text = "one\ftwo");

  std::unique_ptr<fakes::FakeRenderService> render_ = std::make_unique<fakes::FakeRenderService>();
  std::unique_ptr<fakes::FakeVlmService> vlm_ = std::make_unique<fakes::FakeVlmService>();
  std::unique_ptr<Gateway> gateway_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::GlyphService::Stub> stub_;
};

}  // namespace glyph::gateway
