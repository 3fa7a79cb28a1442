#include "gateway/routing/part_render.h"

#include <utility>

#include "gateway/routing/upstream_error.h"

namespace glyph::gateway {

PartRender::PartRender(uint32_t part_index, std::string source_path)
    : part_index_(part_index), source_path_(std::move(source_path)) {}

void PartRender::Attach(std::unique_ptr<RenderCall> call) { call_ = std::move(call); }

void PartRender::Next(Callback callback) {
  if (ended_) return callback(end_status_);
  callback_ = std::move(callback);
  call_->Read();
}

void PartRender::HandleEvent(v1::RenderResponse event) {
  if (callback_ == nullptr) return;
  const Callback callback = std::exchange(callback_, nullptr);
  if (!Advance(event)) {
    return callback(ProtocolError(Upstream::kRender, "an event came out of order"));
  }
  if (stage_ == Stage::kDone) call_->Read();  // to the end of the stream, so that it ends well
  callback(std::move(event));
}

void PartRender::HandleDone(const absl::Status& status) {
  ended_ = true;
  end_status_ = status.ok()
                    ? ProtocolError(Upstream::kRender, "the stream ended early")
                    : WithRenderFields(FromUpstream(Upstream::kRender, status), source_path_);
  if (callback_ != nullptr) std::exchange(callback_, nullptr)(end_status_);
}

void PartRender::Cancel() {
  if (call_ != nullptr) call_->Cancel();
}

bool PartRender::Advance(const v1::RenderResponse& event) {
  switch (event.event_case()) {
    case v1::RenderResponse::kPlan:
      if (stage_ != Stage::kPlan) return false;
      plan_ = event.plan();
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
