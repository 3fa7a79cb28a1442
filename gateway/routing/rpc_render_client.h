#pragma once
#include <memory>
#include <string>

#include "gateway/routing/render_client.h"
#include "glyph/v1/render.grpc.pb.h"
#include "grpcpp/channel.h"

namespace glyph::gateway {

// RenderClient over gRPC.
class RpcRenderClient final : public RenderClient {
 public:
  explicit RpcRenderClient(const std::shared_ptr<grpc::Channel>& channel);

  std::unique_ptr<RenderCall> Render(v1::RenderStart start,
                                     std::shared_ptr<const std::string> source,
                                     const UpstreamCall& call,
                                     StreamListener<v1::RenderResponse> listener) override;

 private:
  const std::unique_ptr<v1::RenderService::Stub> stub_;
};

}  // namespace glyph::gateway
