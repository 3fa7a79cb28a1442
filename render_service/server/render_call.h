#pragma once
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "glyph/v1/render.pb.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "proto/base/mutex.h"
#include "render_service/pipeline/worker_pool.h"
#include "render_service/server/quarantine.h"
#include "render_service/server/render_request.h"

namespace glyph::render {

// One Render call: gathers the source, then has the pool step its task, one step at a time and only
// while the client has fewer than kMaxWaitingEvents events to take. gRPC's threads and the workers
// meet under `mutex_`; what follows a change is decided there (NextActions) and done outside
// (Perform), because Finish ends the life of this object as soon as nothing is under way.
class RenderCall final : public grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse> {
 public:
  // Events (a page is one) made and not yet taken by the client.
  static constexpr size_t kMaxWaitingEvents = 2;
  // While a larger page waits, no other is drawn.
  static constexpr size_t kMaxWaitingBytes = 8 << 20;

  struct Environment {
    grpc::CallbackServerContext* context;
    const ProfileCatalog& catalog;
    WorkerPool& pool;
    Quarantine& quarantine;
    absl::Duration max_time;
    base::Sha256Digest build_fingerprint;
    bool is_draining;  // refuses the call
  };
  explicit RenderCall(Environment environment);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // An event on its way to the client. The pixels of a page are copied into a strip when it goes out.
  struct Outgoing {
    RenderEvent event;
    std::vector<v1::RenderResponse> messages;

    size_t num_bytes() const;
  };

  struct Actions {
    Outgoing* write = nullptr;
    v1::RenderResponse* message = nullptr;  // of `write`
    bool submit = false;
    std::optional<absl::Status> finish;
  };

  void StartAlarm();
  void OnAlarm(bool has_expired);
  // Ends the call with `status` once nothing is under way. What waits to be sent is dropped.
  void End(absl::Status status);
  void RunStep(WorkerTools& tools);
  absl::Status CancelledStatus() const;
  // What to do now. Its doer must not touch this object afterwards.
  Actions NextActions() GLYPH_REQUIRES(mutex_);
  void Perform(const Actions& actions);

  const Environment environment_;
  const std::chrono::steady_clock::time_point start_time_;
  std::optional<WorkerPool::Seat> seat_;
  RenderInput input_;                   // used by read reactions until the task is made
  v1::RenderRequest request_;           // being read
  std::chrono::nanoseconds busy_ = {};  // time on workers; steps only

  base::Mutex mutex_;
  std::unique_ptr<RenderTask> task_ GLYPH_GUARDED_BY(mutex_);  // its content belongs to the step
  bool is_step_running_ GLYPH_GUARDED_BY(mutex_) = false;      // or queued
  std::deque<Outgoing> outbox_ GLYPH_GUARDED_BY(mutex_);
  size_t next_message_ GLYPH_GUARDED_BY(mutex_) = 0;           // of the front entry
  bool is_writing_ GLYPH_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> status_ GLYPH_GUARDED_BY(mutex_);  // how the call ends
  bool is_finished_ GLYPH_GUARDED_BY(mutex_) = false;
  grpc::Alarm alarm_ GLYPH_GUARDED_BY(mutex_);
  bool is_alarm_set_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::render
