#include "gateway/server/render_pages_reactor.h"

#include <memory>
#include <utility>

#include "gateway/routing/ask_validation.h"
#include "gateway/routing/render_relay.h"
#include "gateway/server/caller.h"
#include "gateway/server/client_deadline.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway {
namespace {

class RenderPagesReactor final : public grpc::ServerWriteReactor<v1::RenderPagesResponse> {
 public:
  RenderPagesReactor(ServerServices& services, const grpc::CallbackServerContext& context,
                     Caller caller, const v1::RenderPagesRequest& request)
      : relay_(std::make_shared<RenderRelay>(
            services.flow, services.gate,
            RenderRelay::Job{
                request, "",
                UpstreamCall(UpstreamDeadline(services.flow.now(), ClientDeadline(context)), "",
                             std::move(caller))},
            RenderRelay::Transport{
                [this](v1::RenderResponse event) { Write(std::move(event)); },
                [this](const absl::Status& status) { Finish(rpc::ToGrpcStatus(status)); }})) {
    relay_->Start();
  }

 private:
  void Write(v1::RenderResponse event) {
    *response_.mutable_event() = std::move(event);
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override { relay_->OnWritten(ok); }
  void OnCancel() override { relay_->Cancel(); }
  void OnDone() override { delete this; }

  v1::RenderPagesResponse response_;
  const std::shared_ptr<RenderRelay> relay_;
};

// Refuses a call that never reaches the renderer.
class RefusedReactor final : public grpc::ServerWriteReactor<v1::RenderPagesResponse> {
 public:
  explicit RefusedReactor(const absl::Status& status) { Finish(rpc::ToGrpcStatus(status)); }

 private:
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<v1::RenderPagesResponse>* StartRenderPages(
    ServerServices& services, grpc::CallbackServerContext& context,
    const v1::RenderPagesRequest& request) {
  absl::StatusOr<Caller> caller = CallerOf(services.keys, context);
  const absl::Status status = caller.ok() ? ValidateRenderPages(request) : caller.status();
  if (status.ok()) return new RenderPagesReactor(services, context, *std::move(caller), request);
  services.flow.metrics.CountRequest(status.code());
  return new RefusedReactor(status);
}

}  // namespace glyph::gateway
