#include "gateway/server/estimate_reactor.h"

#include <utility>

#include "gateway/routing/ask_validation.h"
#include "gateway/routing/estimation.h"
#include "gateway/server/caller.h"
#include "gateway/server/client_deadline.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway {
namespace {

v1::RenderPagesRequest PagesOf(const v1::EstimateRequest& request) {
  v1::RenderPagesRequest pages;
  *pages.mutable_document() = request.document();
  *pages.mutable_render() = request.render();
  return pages;
}

class EstimateReactor final : public grpc::ServerUnaryReactor {
 public:
  EstimateReactor(ServerServices& services, const grpc::CallbackServerContext& context,
                  Caller caller, v1::RenderPagesRequest request, v1::EstimateResponse& response)
      : estimation_(services.flow, services.gate,
                    RenderRelay::Job{
                        std::move(request), "",
                        UpstreamCall(UpstreamDeadline(services.flow.now(), ClientDeadline(context)),
                                     "", std::move(caller))},
                    [this, &response](absl::StatusOr<v1::EstimateResponse> result) {
                      const absl::Status status = result.status();
                      if (status.ok()) response = *std::move(result);
                      Finish(rpc::ToGrpcStatus(status));
                    }) {
    estimation_.Start();
  }

 private:
  void OnCancel() override { estimation_.Cancel(); }
  void OnDone() override { delete this; }

  Estimation estimation_;
};

}  // namespace

grpc::ServerUnaryReactor* StartEstimate(ServerServices& services,
                                        grpc::CallbackServerContext& context,
                                        const v1::EstimateRequest& request,
                                        v1::EstimateResponse& response) {
  absl::StatusOr<Caller> caller = CallerOf(services.keys, context);
  v1::RenderPagesRequest pages = PagesOf(request);
  const absl::Status status = caller.ok() ? ValidateRenderPages(pages) : caller.status();
  if (status.ok()) {
    return new EstimateReactor(services, context, *std::move(caller), std::move(pages), response);
  }
  services.flow.metrics.CountRequest(status.code());
  grpc::ServerUnaryReactor* refused = context.DefaultReactor();
  refused->Finish(rpc::ToGrpcStatus(status));
  return refused;
}

}  // namespace glyph::gateway
