#include "gateway/server/estimate_reactor.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "gateway/routing/ask_validation.h"
#include "gateway/routing/token_sample.h"
#include "gateway/server/client_deadline.h"
#include "gateway/server/render_relay.h"
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
                  v1::RenderPagesRequest request, v1::EstimateResponse& response)
      : services_(services),
        deadline_(UpstreamDeadline(services.flow.now(), ClientDeadline(context))),
        response_(response),
        text_bytes_(request.document().text().size()),
        sample_(SampleOfText(request.document().text())),
        relay_(std::make_shared<RenderRelay>(
            services, std::move(request), /*plan_only=*/true, deadline_,
            RenderRelay::Transport{
                [this](const v1::RenderResponse& event) { TakeEvent(event); },
                [this](const absl::Status& status) { HandlePlanned(status); }})) {
    relay_->Start();
  }

 private:
  void TakeEvent(const v1::RenderResponse& event) {
    if (event.has_plan()) {
      response_.set_pages(event.plan().max_pages());
      response_.set_visual_tokens(event.plan().max_visual_tokens());
      response_.set_exact(event.plan().exact());
      response_.set_characters(event.plan().characters());
    }
    relay_->OnWritten(true);
  }

  void HandlePlanned(const absl::Status& status) {
    if (!status.ok()) return Finish(rpc::ToGrpcStatus(status));
    const double scale =
        sample_.empty() ? 0
                        : static_cast<double>(text_bytes_) / static_cast<double>(sample_.size());
    services_.flow.vlm.CountTokens(
        std::move(sample_), deadline_, [this, scale](absl::StatusOr<uint64_t> tokens) {
          if (!tokens.ok()) return Finish(rpc::ToGrpcStatus(tokens.status()));
          const double text_tokens = std::round(static_cast<double>(*tokens) * scale);
          response_.set_text_tokens(static_cast<uint64_t>(text_tokens));
          const auto visual_tokens = static_cast<double>(response_.visual_tokens());
          if (visual_tokens > 0) response_.set_compression_ratio(text_tokens / visual_tokens);
          Finish(grpc::Status::OK);
        });
  }

  void OnCancel() override { relay_->Cancel(); }
  void OnDone() override { delete this; }

  ServerServices& services_;
  const absl::Time deadline_;
  v1::EstimateResponse& response_;
  const size_t text_bytes_;
  std::string sample_;
  const std::shared_ptr<RenderRelay> relay_;
};

}  // namespace

grpc::ServerUnaryReactor* StartEstimate(ServerServices& services,
                                        grpc::CallbackServerContext& context,
                                        const v1::EstimateRequest& request,
                                        v1::EstimateResponse& response) {
  v1::RenderPagesRequest pages = PagesOf(request);
  const absl::Status status = ValidateRenderPages(pages);
  if (status.ok()) return new EstimateReactor(services, context, std::move(pages), response);
  services.flow.metrics.CountRequest(status.code());
  grpc::ServerUnaryReactor* refused = context.DefaultReactor();
  refused->Finish(rpc::ToGrpcStatus(status));
  return refused;
}

}  // namespace glyph::gateway
