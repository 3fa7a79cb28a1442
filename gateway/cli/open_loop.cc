#include "gateway/cli/open_loop.h"

#include <chrono>
#include <memory>
#include <utility>

#include "gateway/cli/interrupts.h"
#include "proto/base/mutex.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway::cli {
namespace {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// What the calls of a load share. Thread-safe.
class Load {
 public:
  // Waits until `due`. False when the load was interrupted.
  bool WaitUntil(Clock::time_point due) {
    const base::MutexLock lock(mutex_);
    while (!is_interrupted_) {
      const Clock::duration left = due - Clock::now();
      if (left <= Clock::duration::zero()) return true;
      changed_.WaitFor(mutex_, left);
    }
    return false;
  }

  // The contexts outlive the load.
  void Interrupt() {
    for (grpc::ClientContext* context : StopBeginning()) context->TryCancel();
  }

  // Whether a call may begin, which Interrupt cancels from then on.
  bool Begin(grpc::ClientContext* context) {
    const base::MutexLock lock(mutex_);
    if (!is_interrupted_) running_.push_back(context);
    return !is_interrupted_;
  }

  void End(grpc::ClientContext* context) {
    const base::MutexLock lock(mutex_);
    std::erase(running_, context);
    changed_.NotifyAll();
  }

  void WaitForEnds() {
    const base::MutexLock lock(mutex_);
    while (!running_.empty()) changed_.Wait(mutex_);
  }

 private:
  // Not cancelled under the lock: gRPC may tell the end of a call within TryCancel.
  std::vector<grpc::ClientContext*> StopBeginning() {
    const base::MutexLock lock(mutex_);
    is_interrupted_ = true;
    changed_.NotifyAll();
    return running_;
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  bool is_interrupted_ GLYPH_GUARDED_BY(mutex_) = false;
  std::vector<grpc::ClientContext*> running_ GLYPH_GUARDED_BY(mutex_);
};

// One call; outlives the load. gRPC calls it on one thread at a time.
class Call final : public grpc::ClientReadReactor<v1::AskResponse> {
 public:
  Call(Load& load, Clock::time_point due) : load_(load), due_(due) {}

  // False: the load was interrupted, and nothing is begun.
  bool Start(v1::GlyphService::Stub& stub, const v1::AskRequest& request) {
    if (!load_.Begin(&context_)) return false;
    stub.async()->Ask(&context_, &request, this);
    StartRead(&event_);
    StartCall();
    return true;
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (event_.has_delta()) AddDelta(event_.delta());
    if (event_.has_finished()) times_.output_tokens = event_.finished().usage().output_tokens();
    StartRead(&event_);
  }

  void OnDone(const grpc::Status& status) override {
    times_.status = rpc::FromGrpcStatus(status);
    times_.total_ms = Milliseconds(Clock::now() - due_);
    load_.End(&context_);
  }

  CallTimes Take() { return std::move(times_); }

 private:
  void AddDelta(const v1::AskDelta& delta) {
    const Clock::time_point now = Clock::now();
    if (times_.first_token_ms == 0) {
      times_.first_token_ms = Milliseconds(now - due_);
    } else if (const int count = delta.token_ids_size(); count > 0) {
      times_.inter_token_ms.insert(times_.inter_token_ms.end(), static_cast<size_t>(count),
                                   Milliseconds(now - last_token_) / count);
    }
    last_token_ = now;
  }

  Load& load_;
  const Clock::time_point due_;
  grpc::ClientContext context_;
  v1::AskResponse event_;
  CallTimes times_;
  Clock::time_point last_token_;
};

}  // namespace

std::vector<CallTimes> RunOpenLoop(v1::GlyphService::Stub& stub, const v1::AskRequest& request,
                                   const LoadOptions& options, Interrupts& interrupts) {
  Load load;
  std::vector<std::unique_ptr<Call>> calls;
  const Interrupts::Watch watch = interrupts.Cancel([&load] { load.Interrupt(); });
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < options.num_requests; ++i) {
    const std::chrono::duration<double> offset(i / options.requests_per_second);
    const auto due = start + std::chrono::duration_cast<Clock::duration>(offset);
    if (!load.WaitUntil(due)) break;
    auto call = std::make_unique<Call>(load, due);
    if (!call->Start(stub, request)) break;
    calls.push_back(std::move(call));
  }
  load.WaitForEnds();
  std::vector<CallTimes> times;
  times.reserve(calls.size());
  for (const auto& call : calls) times.push_back(call->Take());
  return times;
}

}  // namespace glyph::gateway::cli
