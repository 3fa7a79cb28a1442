#pragma once
#include <utility>

#include "gateway/server/server_services.h"
#include "glyph/v1/gateway.grpc.pb.h"

namespace glyph::gateway {

// glyph.v1.GlyphService: adapts gRPC calls to flows; holds no logic of its own. Every method needs
// a key (CallerOf) where the gateway has a key file. Thread-safe.
class GlyphServiceImpl final : public v1::GlyphService::CallbackService {
 public:
  explicit GlyphServiceImpl(ServerServices services) : services_(std::move(services)) {}

  grpc::ServerWriteReactor<v1::AskResponse>* Ask(grpc::CallbackServerContext* context,
                                                 const v1::AskRequest* request) override;
  grpc::ServerBidiReactor<v1::AskStreamRequest, v1::AskResponse>* AskStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::RenderPagesResponse>* RenderPages(
      grpc::CallbackServerContext* context, const v1::RenderPagesRequest* request) override;
  grpc::ServerUnaryReactor* Estimate(grpc::CallbackServerContext* context,
                                     const v1::EstimateRequest* request,
                                     v1::EstimateResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  ServerServices services_;
};

}  // namespace glyph::gateway
