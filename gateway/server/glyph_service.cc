#include "gateway/server/glyph_service.h"

#include "gateway/server/ask_reactors.h"
#include "gateway/server/caller.h"
#include "gateway/server/estimate_reactor.h"
#include "gateway/server/render_pages_reactor.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway {
namespace {

// A status must come even when vlm_service hangs.
constexpr absl::Duration kModelTimeout = absl::Seconds(2);

void AddService(Upstream upstream, const std::string& address, const Readiness& readiness,
                v1::GetStatusResponse& response) {
  v1::ServiceStatus& service = *response.add_services();
  service.set_name(UpstreamName(upstream));
  service.set_address(address);
  service.set_ready(readiness.ready(upstream));
}

}  // namespace

grpc::ServerWriteReactor<v1::AskResponse>* GlyphServiceImpl::Ask(
    grpc::CallbackServerContext* context, const v1::AskRequest* request) {
  return StartAsk(services_, *context, *request);
}

grpc::ServerBidiReactor<v1::AskStreamRequest, v1::AskResponse>* GlyphServiceImpl::AskStream(
    grpc::CallbackServerContext* context) {
  return StartAskStream(services_, *context);
}

grpc::ServerWriteReactor<v1::RenderPagesResponse>* GlyphServiceImpl::RenderPages(
    grpc::CallbackServerContext* context, const v1::RenderPagesRequest* request) {
  return StartRenderPages(services_, *context, *request);
}

grpc::ServerUnaryReactor* GlyphServiceImpl::Estimate(grpc::CallbackServerContext* context,
                                                     const v1::EstimateRequest* request,
                                                     v1::EstimateResponse* response) {
  return StartEstimate(services_, *context, *request, *response);
}

grpc::ServerUnaryReactor* GlyphServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                      const v1::GetStatusRequest*,
                                                      v1::GetStatusResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (const absl::Status status = CallerOf(services_.keys, *context).status(); !status.ok()) {
    reactor->Finish(rpc::ToGrpcStatus(status));
    return reactor;
  }
  response->set_version(GLYPH_VERSION);
  response->set_requests_in_flight(static_cast<uint32_t>(services_.gate.num_in_flight()));
  AddService(Upstream::kRender, services_.render_address, services_.readiness, *response);
  AddService(Upstream::kVlm, services_.vlm_address, services_.readiness, *response);
  if (!services_.readiness.ready(Upstream::kVlm)) {
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  if (auto stats = services_.stats.Get()) *response->mutable_stats() = *std::move(stats);
  services_.models.Get(services_.flow.now() + kModelTimeout,
                       [reactor, response](absl::StatusOr<v1::Model> model) {
                         if (model.ok()) *response->mutable_model() = *std::move(model);
                         reactor->Finish(grpc::Status::OK);
                       });
  return reactor;
}

}  // namespace glyph::gateway
