#pragma once
#include <memory>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "glyph/v1/vlm.grpc.pb.h"
#include "grpcpp/alarm.h"
#include "proto/base/mutex.h"
#include "vlm_service/engine/engine.h"

namespace glyph::vlm {

class WatchStatsCall;

// The open WatchStats calls, so that a drain need not wait for their clients. Thread-safe.
class StatsWatchers {
 public:
  // Ends the open calls with UNAVAILABLE, and every later one.
  void StopAll();

 private:
  friend class WatchStatsCall;
  // False once stopped.
  bool Add(std::shared_ptr<WatchStatsCall> call);
  void Remove(const std::shared_ptr<WatchStatsCall>& call);

  base::Mutex mutex_;
  bool stopped_ GLYPH_GUARDED_BY(mutex_) = false;
  std::set<std::shared_ptr<WatchStatsCall>> calls_ GLYPH_GUARDED_BY(mutex_);
};

// One WatchStats call: a snapshot at once and after every interval. Its write and its alarm follow
// each other, so that one of them is pending at most.
class WatchStatsCall : public grpc::ServerWriteReactor<v1::WatchStatsResponse>,
                       public std::enable_shared_from_this<WatchStatsCall> {
 public:
  // `engine`, `watchers` and `model_name` outlive the call.
  WatchStatsCall(Engine& engine, StatsWatchers& watchers, const std::string& model_name,
                 absl::Duration interval);
  // Call once, before the reactor is returned to gRPC.
  void Start();
  // Ends the call with `status`; the first end counts.
  void Stop(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void Write() GLYPH_REQUIRES(mutex_);
  void OnAlarm();
  void FinishNow() GLYPH_REQUIRES(mutex_);

  Engine& engine_;
  StatsWatchers& watchers_;
  const std::string& model_name_;
  const absl::Duration interval_;
  std::shared_ptr<WatchStatsCall> self_;  // until OnDone
  base::Mutex mutex_;
  v1::WatchStatsResponse response_ GLYPH_GUARDED_BY(mutex_);
  // A new one for every interval: its callback may still be returning when the next is set.
  std::unique_ptr<grpc::Alarm> alarm_ GLYPH_GUARDED_BY(mutex_);
  absl::Status end_ GLYPH_GUARDED_BY(mutex_);  // OK: goes on
};

// The engine's statistics and limits as a message.
v1::WatchStatsResponse ToProto(const EngineStats& stats, const ExecutorLimits& limits);

}  // namespace glyph::vlm
