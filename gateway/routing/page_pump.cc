#include "gateway/routing/page_pump.h"

#include <algorithm>
#include <utility>

#include "gateway/routing/upstream_error.h"

namespace glyph::gateway {

PagePump::PagePump(std::vector<Source> sources, Answer& answer, GenerateCall& call, Poster post,
                   EndCallback on_end)
    : sources_(std::move(sources)),
      answer_(answer),
      call_(call),
      post_(std::move(post)),
      on_end_(std::move(on_end)) {}

void PagePump::ReadNext() {
  if (current_ == sources_.size()) return on_end_(absl::OkStatus());
  if (answer_.congested()) {
    paused_ = true;
    return;
  }
  sources_[current_].render->Next(
      [this](absl::StatusOr<v1::RenderResponse> event) { Take(std::move(event)); });
}

std::string PagePump::source_path() const {
  if (num_pages_ == 0) return "parts";
  return sources_[std::min(current_, sources_.size() - 1)].render->source_path();
}

void PagePump::Resume() {
  if (std::exchange(paused_, false)) ReadNext();
}

void PagePump::Take(absl::StatusOr<v1::RenderResponse> event) {
  if (!event.ok()) return on_end_(event.status());
  switch (event->event_case()) {
    case v1::RenderResponse::kPage:
      return Offer(std::move(*event->mutable_page()));
    case v1::RenderResponse::kStrip:
      return Forward(std::move(*event->mutable_strip()));
    case v1::RenderResponse::kSourceMap:
      event->mutable_source_map()->set_page_index(num_pages_ - 1);
      answer_.AddSourceMap(std::move(*event->mutable_source_map()));
      return ReadNext();
    case v1::RenderResponse::kDone:
      answer_.AddRenderDone(event->done());
      ++current_;
      return ReadNext();
    default:
      return on_end_(ProtocolError(Upstream::kRender, "a second plan"));
  }
}

void PagePump::Offer(v1::PageHeader page) {
  page.set_page_index(num_pages_++);
  answer_.AddDrawnPage(sources_[current_].render->part_index(), page);
  awaits_decision_ = true;
  v1::GenerateRequest request;
  request.mutable_offer()->set_part_index(sources_[current_].vlm_part_index);
  *request.mutable_offer()->mutable_page() = std::move(page);
  call_.Write(std::move(request), nullptr);
}

absl::Status PagePump::HandleDecision(const v1::PageDecision& decision) {
  if (!awaits_decision_ || decision.page_index() + 1 != num_pages_) {
    return ProtocolError(Upstream::kVlm, "an answer for a page that was not offered");
  }
  awaits_decision_ = false;
  needs_pixels_ = decision.answer() != v1::PAGE_ANSWER_HAVE;
  ReadNext();
  return absl::OkStatus();
}

void PagePump::Forward(v1::PageStrip strip) {
  strip.set_page_index(num_pages_ - 1);
  answer_.AddStrip(strip);
  if (!needs_pixels_) return ReadNext();
  v1::GenerateRequest request;
  *request.mutable_strip() = std::move(strip);
  call_.Write(std::move(request), [this, post = post_] { post([this] { ReadNext(); }); });
}

}  // namespace glyph::gateway
