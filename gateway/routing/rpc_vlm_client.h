#pragma once
#include <memory>
#include <string>

#include "gateway/routing/vlm_client.h"
#include "glyph/v1/vlm.grpc.pb.h"
#include "grpcpp/channel.h"

namespace glyph::gateway {

// VlmClient over gRPC.
class RpcVlmClient final : public VlmClient {
 public:
  explicit RpcVlmClient(const std::shared_ptr<grpc::Channel>& channel);

  std::unique_ptr<GenerateCall> Generate(const UpstreamCall& call,
                                         StreamListener<v1::GenerateResponse> listener) override;
  void GetModel(absl::Time deadline, ModelCallback done) override;
  void CountTokens(std::string text, absl::Time deadline, CountCallback done) override;

 private:
  const std::unique_ptr<v1::VlmService::Stub> stub_;
};

}  // namespace glyph::gateway
