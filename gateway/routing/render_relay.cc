#include "gateway/routing/render_relay.h"

#include <utility>

#include "gateway/routing/upstream_error.h"

namespace glyph::gateway {
RenderRelay::RenderRelay(const FlowServices& services, RequestGate& gate, Job job,
                         Transport transport)
    : services_(services), gate_(gate), job_(std::move(job)), transport_(std::move(transport)) {}

void RenderRelay::Post(std::function<void()> work) {
  strand_.Post([self = shared_from_this(), work = std::move(work)] {
    if (!self->ended_) work();
  });
}

Poster RenderRelay::PostIfOwned() {
  return [weak = weak_from_this()](std::function<void()> work) {
    if (const auto relay = weak.lock()) relay->Post(std::move(work));
  };
}

void RenderRelay::Start() {
  Post([this] {
    absl::StatusOr<RequestGate::Ticket> ticket = gate_.Admit(job_.request_id, job_.call.caller);
    if (!ticket.ok()) return End(ticket.status());
    ticket_.emplace(*std::move(ticket));
    services_.profiles.Resolve(
        job_.request.render(), job_.call.deadline,
        [this, post = PostIfOwned()](const absl::StatusOr<v1::RenderOptions>& options) {
          post([this, options] { options.ok() ? Open(*options) : End(options.status()); });
        });
  });
}

void RenderRelay::Open(const v1::RenderOptions& options) {
  v1::RenderStart start;
  start.set_kind(v1::SOURCE_KIND_TEXT);
  start.set_request_id(ticket_->request_id());
  *start.mutable_options() = options;
  start.set_plan_only(job_.plan_only);
  std::string& source = *job_.request.mutable_document()->mutable_text();
  render_.emplace(
      services_,
      PartRender::Job{std::move(start), std::make_shared<const std::string>(std::move(source)),
                      job_.call, 0, "document.text"},
      PostIfOwned());
  ReadNext();
}

void RenderRelay::ReadNext() {
  render_->Next([this](absl::StatusOr<v1::RenderResponse> event) {
    if (!event.ok()) return End(event.status());
    complete_ = event->has_done();
    transport_.write(*std::move(event));
  });
}

void RenderRelay::OnWritten(bool ok) {
  Post([this, ok] {
    if (!ok) return End(CancelledByClient());
    if (complete_) return transport_.complete ? transport_.complete() : End(absl::OkStatus());
    ReadNext();
  });
}

void RenderRelay::Cancel() {
  Post([this] { End(CancelledByClient()); });
}

void RenderRelay::End(const absl::Status& status) {
  ended_ = true;
  if (render_) render_->Cancel();
  services_.metrics.CountRequest(status.code());
  ticket_.reset();
  transport_.finish(status);
}

}  // namespace glyph::gateway
