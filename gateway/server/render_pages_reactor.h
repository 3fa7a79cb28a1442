#pragma once
#include "gateway/server/server_services.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "grpcpp/server_context.h"

namespace glyph::gateway {

// Reactor of RenderPages; deletes itself when its call is done. `services` and `context` outlive
// it.
grpc::ServerWriteReactor<v1::RenderPagesResponse>* StartRenderPages(
    ServerServices& services, grpc::CallbackServerContext& context,
    const v1::RenderPagesRequest& request);

}  // namespace glyph::gateway
