#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "gateway/routing/stream_listener.h"
#include "gateway/routing/upstream_call.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "proto/base/mutex.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway {

// A bidirectional gRPC call as a plain object: queued writes with one in flight, reads on demand,
// one ending. Lives until the call has ended, whoever drops it. Thread-safe.
//
// A hold keeps gRPC from ending the call between our reads; Close() gives it back when a read or a
// write fails or the call is cancelled, and from then on nothing more is started.
template <typename Request, typename Response>
class ClientStream final : public grpc::ClientBidiReactor<Request, Response> {
 public:
  // Binds the stub's method: `stub->async()->Method(context, reactor)`.
  using Bind = std::function<void(grpc::ClientContext*, ClientStream*)>;

  static std::shared_ptr<ClientStream> Start(const UpstreamCall& call,
                                             StreamListener<Response> listener, const Bind& bind) {
    std::shared_ptr<ClientStream> stream(new ClientStream(std::move(listener)));
    stream->self_ = stream;
    stream->context_.set_deadline(absl::ToChronoTime(call.deadline));
    if (!call.traceparent.empty()) stream->context_.AddMetadata("traceparent", call.traceparent);
    bind(&stream->context_, stream.get());
    stream->AddHold();
    stream->StartCall();
    return stream;
  }

  void Write(Request request, std::function<void()> on_written) GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (closed_) return;
    writes_.push_back({std::move(request), std::move(on_written)});
    if (writes_.size() == 1) this->StartWrite(&writes_.front().request);
  }

  void WritesDone() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    half_close_ = true;
    if (!closed_ && writes_.empty()) this->StartWritesDone();
  }

  void Read() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (!closed_) this->StartRead(&response_);
  }

  void Cancel() GLYPH_EXCLUDES(mutex_) {
    context_.TryCancel();
    Close();
  }

 private:
  struct PendingWrite {
    Request request;
    std::function<void()> on_written;
  };

  explicit ClientStream(StreamListener<Response> listener) : listener_(std::move(listener)) {}

  void Close() GLYPH_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    if (!std::exchange(closed_, true)) this->RemoveHold();
  }

  void OnWriteDone(bool ok) override GLYPH_EXCLUDES(mutex_) {
    if (!ok) return Close();
    std::function<void()> on_written;
    {
      base::MutexLock lock(mutex_);
      on_written = std::move(writes_.front().on_written);
      writes_.pop_front();
      if (!closed_ && !writes_.empty()) {
        this->StartWrite(&writes_.front().request);
      } else if (!closed_ && half_close_) {
        this->StartWritesDone();
      }
    }
    if (on_written) on_written();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close();
    listener_.on_event(std::move(response_));
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<ClientStream> self = std::move(self_);
    const StreamListener<Response> listener = std::move(listener_);
    {
      base::MutexLock lock(mutex_);
      writes_.clear();
    }
    listener.on_done(rpc::FromGrpcStatus(status));
  }

  grpc::ClientContext context_;
  StreamListener<Response> listener_;
  Response response_;
  std::shared_ptr<ClientStream> self_;  // until OnDone

  base::Mutex mutex_;
  std::deque<PendingWrite> writes_ GLYPH_GUARDED_BY(mutex_);  // the first is in flight
  bool half_close_ GLYPH_GUARDED_BY(mutex_) = false;
  bool closed_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::gateway
