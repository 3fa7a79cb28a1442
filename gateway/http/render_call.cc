#include "gateway/http/render_call.h"

#include <atomic>
#include <memory>
#include <utility>

#include "gateway/http/error_object.h"
#include "gateway/http/page_lines.h"
#include "gateway/http/text_request.h"
#include "gateway/routing/render_relay.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {
namespace {

// Between one HTTP exchange and its relay, which holds it until the end. Thread-safe.
class PagesCall final : public HttpCall, public std::enable_shared_from_this<PagesCall> {
 public:
  explicit PagesCall(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}

  void Start(const ApiServices& services, RenderRelay::Job job) GLYPH_EXCLUDES(mutex_) {
    auto relay = std::make_shared<RenderRelay>(
        services.flow, services.gate, std::move(job),
        RenderRelay::Transport{
            [self = shared_from_this()](const v1::RenderResponse& event) { self->Take(event); },
            [self = shared_from_this()](const absl::Status& status) { self->End(status); }});
    {
      base::MutexLock lock(mutex_);
      relay_ = relay;
    }
    relay->Start();
  }

  void OnDrained() override {
    if (waiting_.exchange(false)) GoOn();
  }

  void OnGone() override {
    if (auto running = relay()) running->Cancel();
  }

 private:
  void Take(const v1::RenderResponse& event) {
    std::string lines = lines_.Add(event);
    if (!lines.empty() && !std::exchange(begun_, true)) {
      reply_->Begin({200, "application/x-ndjson", std::move(lines), {}});
    } else if (!lines.empty()) {
      reply_->Write(std::move(lines));
    }
    waiting_ = true;  // first, so that OnDrained is not missed
    if (!reply_->congested() && waiting_.exchange(false)) GoOn();
  }

  void GoOn() {
    if (auto running = relay()) running->OnWritten(true);
  }

  void End(const absl::Status& status) GLYPH_EXCLUDES(mutex_) {
    if (!begun_) {
      reply_->Send(ErrorResponse(WithTextFields(status)));
    } else {
      if (!status.ok()) reply_->Write(ErrorObject(WithTextFields(status)) + "\n");
      reply_->Finish(true);
    }
    std::shared_ptr<RenderRelay> ended;  // goes after the lock
    base::MutexLock lock(mutex_);
    ended = std::move(relay_);
  }

  std::shared_ptr<RenderRelay> relay() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    return relay_;
  }

  const std::shared_ptr<HttpReply> reply_;
  PageLines lines_;                    // on the strand of the relay
  bool begun_ = false;                 // on the strand of the relay
  std::atomic<bool> waiting_ = false;  // for the client to take what is queued
  base::Mutex mutex_;
  std::shared_ptr<RenderRelay> relay_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace

HttpStarter RenderStarter(const ApiServices& services) {
  return TextStarter(services, [&services](RenderRelay::Job job, std::shared_ptr<HttpReply> reply) {
    auto call = std::make_shared<PagesCall>(std::move(reply));
    call->Start(services, std::move(job));
    return call;
  });
}

}  // namespace glyph::gateway
