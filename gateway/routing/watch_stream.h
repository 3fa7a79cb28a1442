#pragma once
#include <functional>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Keeps one server-streaming call open for as long as it lives: when the call ends, for whatever
// reason, it is opened again after `retry_after`. Callbacks run on gRPC's threads, one at a time.
template <typename Response>
class WatchStream {
 public:
  struct Listener {
    std::function<void(const Response&)> on_message;
    std::function<void()> on_lost;  // each time the call ends
  };
  // Binds the stub's method: `stub->async()->Watch(context, &request, reactor)`.
  using Bind = std::function<void(grpc::ClientContext*, grpc::ClientReadReactor<Response>*)>;

  WatchStream(Bind bind, Listener listener, absl::Duration retry_after)
      : bind_(std::move(bind)), listener_(std::move(listener)), retry_after_(retry_after) {
    Open();
  }
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;

  // Waits until no callback can come any more.
  ~WatchStream() {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    if (attempt_ != nullptr) attempt_->context.TryCancel();
    if (alarm_ != nullptr) alarm_->Cancel();
    while (!stopped_) changed_.Wait(mutex_);
  }

 private:
  struct Attempt final : grpc::ClientReadReactor<Response> {
    explicit Attempt(WatchStream& stream) : owner(stream) {}
    void OnReadDone(bool ok) override {
      if (!ok) return;
      owner.listener_.on_message(response);
      this->StartRead(&response);
    }
    void OnDone(const grpc::Status&) override { owner.Lose(); }

    WatchStream& owner;
    grpc::ClientContext context;
    Response response;
  };

  void Open() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (stopping_) return Stop();
    attempt_ = std::make_unique<Attempt>(*this);
    attempt_->context.set_wait_for_ready(true);  // opens as soon as the service is back
    bind_(&attempt_->context, attempt_.get());
    attempt_->StartRead(&attempt_->response);
    attempt_->StartCall();
  }

  void Lose() GLYPH_EXCLUDES(mutex_) {
    listener_.on_lost();
    base::MutexLock lock(mutex_);
    attempt_.reset();
    if (stopping_) return Stop();
    alarm_ = std::make_unique<grpc::Alarm>();
    alarm_->Set(absl::ToChronoTime(absl::Now() + retry_after_), [this](bool) { Open(); });
  }

  void Stop() GLYPH_REQUIRES(mutex_) {
    stopped_ = true;
    changed_.NotifyAll();
  }

  const Bind bind_;
  const Listener listener_;
  const absl::Duration retry_after_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::unique_ptr<Attempt> attempt_ GLYPH_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> alarm_ GLYPH_GUARDED_BY(mutex_);
  bool stopping_ GLYPH_GUARDED_BY(mutex_) = false;
  bool stopped_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::gateway
