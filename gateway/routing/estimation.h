#pragma once
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/routing/render_relay.h"

namespace glyph::gateway {

// One Estimate call: the renderer plans the document, the model's tokenizer counts its text. Its
// owner keeps it until `done` runs, and may drop it there. Thread-safe.
class Estimation {
 public:
  // Runs once, on any thread.
  using Callback = std::function<void(absl::StatusOr<v1::EstimateResponse>)>;

  // `job` plans only. `services` and `gate` outlive the estimation.
  Estimation(const FlowServices& services, RequestGate& gate, RenderRelay::Job job, Callback done);

  void Start();
  // The client went away.
  void Cancel();

 private:
  void TakeEvent(const v1::RenderResponse& event);
  // The relay ends after it, so that what bounds and counts calls sees both steps.
  void CountTokens();
  void SetTextTokens(double text_tokens);
  void HandleEnd(const absl::Status& status);

  const FlowServices& services_;
  const UpstreamCall call_;
  const size_t text_bytes_;
  std::string sample_;
  Callback done_;
  v1::EstimateResponse response_;
  std::shared_ptr<RenderRelay> relay_;
};

}  // namespace glyph::gateway
