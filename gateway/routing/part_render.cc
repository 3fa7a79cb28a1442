#include "gateway/routing/part_render.h"

#include <utility>

#include "gateway/routing/upstream_error.h"

namespace glyph::gateway {

PartRender::PartRender(const FlowServices& services, Job job, Poster post)
    : client_(services.render),
      job_(std::move(job)),
      post_(std::move(post)),
      outage_(services.recovery, Upstream::kRender, job_.call.deadline) {
  Open();
}

void PartRender::Open() {
  StreamListener<v1::RenderResponse> listener;
  listener.on_event = [this, post = post_](v1::RenderResponse event) {
    post([this, event = std::move(event)]() mutable { HandleEvent(std::move(event)); });
  };
  listener.on_done = [this, post = post_](const absl::Status& status) {
    post([this, status] {
      ended_ = true;
      end_status_ = status;
      if (callback_ != nullptr) HandleEnd();
    });
  };
  call_ = client_.Render(job_.start, job_.source, job_.call, std::move(listener));
}

void PartRender::Next(Callback callback) {
  callback_ = std::move(callback);
  if (ended_) return HandleEnd();
  call_->Read();
}

void PartRender::HandleEvent(v1::RenderResponse event) {
  if (callback_ == nullptr) return;
  absl::Status status;
  if (!Advance(event)) {
    status = ProtocolError(Upstream::kRender, "an event came out of order");
  } else if (num_repeated_ < num_passed_) {
    if (Repeats(event)) return call_->Read();
    status = ChangedError(Upstream::kRender);
  }
  const Callback callback = std::exchange(callback_, nullptr);
  if (!status.ok()) return callback(status);
  Remember(event);
  if (stage_ == Stage::kDone) call_->Read();  // to the end of the stream, so that it ends well
  callback(std::move(event));
}

void PartRender::HandleEnd() {
  const bool again = UpstreamIsAway(end_status_) &&
                     outage_.TryAgain(num_passed_ > 0, [this, post = post_](bool ready) {
                       post([this, ready] {
                         if (ready) return Reopen();
                         std::exchange(callback_, nullptr)(EndStatus());
                       });
                     });
  if (!again) std::exchange(callback_, nullptr)(EndStatus());
}

void PartRender::Reopen() {
  ended_ = false;
  stage_ = Stage::kPlan;
  num_repeated_ = num_repeated_pages_ = 0;
  Open();
  call_->Read();
}

absl::Status PartRender::EndStatus() const {
  if (end_status_.ok()) return ProtocolError(Upstream::kRender, "the stream ended early");
  return WithRenderFields(FromUpstream(Upstream::kRender, end_status_), job_.source_path);
}

bool PartRender::Repeats(const v1::RenderResponse& event) {
  ++num_repeated_;
  if (event.has_plan()) return event.plan().SerializeAsString() == plan_.SerializeAsString();
  if (event.has_page()) {
    return num_repeated_pages_ < page_keys_.size() &&
           event.page().page_key() == page_keys_[num_repeated_pages_++];
  }
  return !event.has_done();
}

void PartRender::Remember(const v1::RenderResponse& event) {
  ++num_repeated_;
  ++num_passed_;
  if (event.has_plan()) plan_ = event.plan();
  if (event.has_page()) {
    ++num_repeated_pages_;
    page_keys_.push_back(event.page().page_key());
  }
  outage_.Progress();
}

bool PartRender::Advance(const v1::RenderResponse& event) {
  switch (event.event_case()) {
    case v1::RenderResponse::kPlan:
      if (stage_ != Stage::kPlan) return false;
      stage_ = Stage::kBetweenPages;
      return true;
    case v1::RenderResponse::kPage:
      if (stage_ == Stage::kPlan) return false;
      stage_ = Stage::kInPage;
      return true;
    case v1::RenderResponse::kStrip:
    case v1::RenderResponse::kSourceMap:
      return stage_ == Stage::kInPage;
    case v1::RenderResponse::kDone:
      if (stage_ == Stage::kPlan) return false;
      stage_ = Stage::kDone;
      return true;
    case v1::RenderResponse::EVENT_NOT_SET:
      return false;
  }
  return false;
}

}  // namespace glyph::gateway
