#pragma once
#include "gateway/server/server_services.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "grpcpp/server_context.h"

namespace glyph::gateway {

// Reactors of the two Ask methods; each deletes itself when its call is done. `services` and
// `context` outlive it.
grpc::ServerWriteReactor<v1::AskResponse>* StartAsk(ServerServices& services,
                                                    grpc::CallbackServerContext& context,
                                                    const v1::AskRequest& request);
grpc::ServerBidiReactor<v1::AskStreamRequest, v1::AskResponse>* StartAskStream(
    ServerServices& services, grpc::CallbackServerContext& context);

}  // namespace glyph::gateway
