#include "gateway/http/estimate_call.h"

#include <memory>
#include <utility>

#include "gateway/http/error_object.h"
#include "gateway/http/json_text.h"
#include "gateway/http/text_request.h"
#include "gateway/routing/estimation.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {
namespace {

HttpResponse ResponseOf(const absl::StatusOr<v1::EstimateResponse>& estimate) {
  if (!estimate.ok()) return ErrorResponse(WithTextFields(estimate.status()));
  const Json body = {{"object", "estimate"},
                     {"pages", estimate->pages()},
                     {"visual_tokens", estimate->visual_tokens()},
                     {"exact", estimate->exact()},
                     {"characters", estimate->characters()},
                     {"text_tokens", estimate->text_tokens()},
                     {"compression_ratio", estimate->compression_ratio()}};
  return {200, "application/json", JsonText(body), {}};
}

// Between one HTTP exchange and its estimation, which holds it until the end. Thread-safe.
class EstimateCall final : public HttpCall, public std::enable_shared_from_this<EstimateCall> {
 public:
  void Start(const ApiServices& services, RenderRelay::Job job, std::shared_ptr<HttpReply> reply)
      GLYPH_EXCLUDES(mutex_) {
    auto estimation =
        std::make_shared<Estimation>(services.flow, services.gate, std::move(job),
                                     [self = shared_from_this(), reply = std::move(reply)](
                                         const absl::StatusOr<v1::EstimateResponse>& estimate) {
                                       reply->Send(ResponseOf(estimate));
                                       base::MutexLock lock(self->mutex_);
                                       self->estimation_.reset();
                                     });
    {
      base::MutexLock lock(mutex_);
      estimation_ = estimation;
    }
    estimation->Start();
  }

  void OnGone() override GLYPH_EXCLUDES(mutex_) {
    std::shared_ptr<Estimation> running;
    {
      base::MutexLock lock(mutex_);
      running = estimation_;
    }
    if (running != nullptr) running->Cancel();
  }

 private:
  base::Mutex mutex_;
  std::shared_ptr<Estimation> estimation_ GLYPH_GUARDED_BY(mutex_);  // while it runs
};

}  // namespace

HttpStarter EstimateStarter(const ApiServices& services) {
  return TextStarter(services, [&services](RenderRelay::Job job, std::shared_ptr<HttpReply> reply) {
    auto call = std::make_shared<EstimateCall>();
    call->Start(services, std::move(job), std::move(reply));
    return call;
  });
}

}  // namespace glyph::gateway
