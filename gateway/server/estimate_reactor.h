#pragma once
#include "gateway/server/server_services.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "grpcpp/server_context.h"

namespace glyph::gateway {

// Reactor of Estimate: the renderer plans the document, then the model counts the tokens of its
// text. Deletes itself when its call is done; all arguments outlive it.
grpc::ServerUnaryReactor* StartEstimate(ServerServices& services,
                                        grpc::CallbackServerContext& context,
                                        const v1::EstimateRequest& request,
                                        v1::EstimateResponse& response);

}  // namespace glyph::gateway
