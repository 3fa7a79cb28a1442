#include "gateway/routing/estimation.h"

#include <cmath>
#include <utility>

#include "gateway/routing/token_sample.h"

namespace glyph::gateway {

Estimation::Estimation(const FlowServices& services, RequestGate& gate, RenderRelay::Job job,
                       Callback done)
    : services_(services),
      call_(job.call),
      text_bytes_(job.request.document().text().size()),
      sample_(SampleOfText(job.request.document().text())),
      done_(std::move(done)) {
  job.plan_only = true;
  relay_ = std::make_shared<RenderRelay>(
      services, gate, std::move(job),
      RenderRelay::Transport{[this](const v1::RenderResponse& event) { TakeEvent(event); },
                             [this](const absl::Status& status) { HandleEnd(status); },
                             [this] { CountTokens(); }});
}

void Estimation::Start() { relay_->Start(); }

void Estimation::Cancel() { relay_->Cancel(); }

void Estimation::TakeEvent(const v1::RenderResponse& event) {
  if (event.has_plan()) {
    response_.set_pages(event.plan().max_pages());
    response_.set_visual_tokens(event.plan().max_visual_tokens());
    response_.set_exact(event.plan().exact());
    response_.set_characters(event.plan().characters());
  }
  relay_->OnWritten(true);
}

void Estimation::CountTokens() {
  const double scale =
      sample_.empty() ? 0 : static_cast<double>(text_bytes_) / static_cast<double>(sample_.size());
  services_.vlm.CountTokens(
      std::move(sample_), call_.deadline,
      [this, scale, post = relay_->PostIfOwned()](const absl::StatusOr<uint64_t>& tokens) {
        post([this, scale, tokens] {
          if (tokens.ok()) SetTextTokens(std::round(static_cast<double>(*tokens) * scale));
          relay_->End(tokens.status());
        });
      });
}

void Estimation::SetTextTokens(double text_tokens) {
  response_.set_text_tokens(static_cast<uint64_t>(text_tokens));
  const auto visual_tokens = static_cast<double>(response_.visual_tokens());
  if (visual_tokens > 0) response_.set_compression_ratio(text_tokens / visual_tokens);
}

void Estimation::HandleEnd(const absl::Status& status) {
  const Callback done = std::move(done_);
  status.ok() ? done(std::move(response_)) : done(status);
}

}  // namespace glyph::gateway
