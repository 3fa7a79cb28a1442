#include "vlm_service/server/watch_stats_call.h"

#include <chrono>
#include <utility>

#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::vlm {
namespace {

absl::Status Draining() {
  return rpc::Unavailable("DRAINING", absl::Seconds(1),
                          "this server is shutting down; watch another one");
}

void FillMemory(const MemoryGauge& gauge, v1::MemoryUse& use) {
  use.set_device(gauge.device);
  use.set_component(gauge.component);
  use.set_reserved_bytes(static_cast<uint64_t>(gauge.reserved_bytes));
  use.set_used_bytes(static_cast<uint64_t>(gauge.used_bytes));
  use.set_peak_start_bytes(static_cast<uint64_t>(gauge.peak_start_bytes));
  use.set_peak_1m_bytes(static_cast<uint64_t>(gauge.peak_1m_bytes));
  use.set_peak_5m_bytes(static_cast<uint64_t>(gauge.peak_5m_bytes));
}

}  // namespace

bool StatsWatchers::Add(std::shared_ptr<WatchStatsCall> call) {
  base::MutexLock lock(mutex_);
  if (stopped_) return false;
  calls_.insert(std::move(call));
  return true;
}

void StatsWatchers::Remove(const std::shared_ptr<WatchStatsCall>& call) {
  base::MutexLock lock(mutex_);
  calls_.erase(call);
}

void StatsWatchers::StopAll() {
  std::set<std::shared_ptr<WatchStatsCall>> calls;
  {
    base::MutexLock lock(mutex_);
    stopped_ = true;
    calls = calls_;
  }
  for (const auto& call : calls) call->Stop(Draining());
}

WatchStatsCall::WatchStatsCall(Engine& engine, StatsWatchers& watchers,
                               const std::string& model_name, absl::Duration interval)
    : engine_(engine), watchers_(watchers), model_name_(model_name), interval_(interval) {}

void WatchStatsCall::Start() {
  self_ = shared_from_this();
  const bool added = watchers_.Add(self_);
  base::MutexLock lock(mutex_);
  if (!added) end_ = Draining();
  if (end_.ok()) {
    Write();
  } else {
    FinishNow();
  }
}

void WatchStatsCall::Write() {
  response_ = ToProto(engine_.Stats(), engine_.limits());
  response_.set_model_name(model_name_);
  StartWrite(&response_);
}

void WatchStatsCall::OnWriteDone(bool ok) {
  base::MutexLock lock(mutex_);
  if (!ok && end_.ok()) end_ = absl::CancelledError("the stream is broken");
  if (!end_.ok()) return FinishNow();
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(interval_),
              [self = shared_from_this()](bool) { self->OnAlarm(); });
}

void WatchStatsCall::OnAlarm() {
  base::MutexLock lock(mutex_);
  if (end_.ok()) {
    Write();
  } else {
    FinishNow();
  }
}

void WatchStatsCall::Stop(const absl::Status& status) {
  base::MutexLock lock(mutex_);
  if (!end_.ok()) return;
  end_ = status;
  if (alarm_ != nullptr) alarm_->Cancel();  // without an alarm the pending write ends the call
}

void WatchStatsCall::FinishNow() { Finish(rpc::ToGrpcStatus(end_)); }

void WatchStatsCall::OnCancel() { Stop(absl::CancelledError("the client stopped watching")); }

void WatchStatsCall::OnDone() {
  const auto self = std::move(self_);
  watchers_.Remove(self);
  base::MutexLock lock(mutex_);
  alarm_.reset();  // its callback holds this call
}

v1::WatchStatsResponse ToProto(const EngineStats& stats, const ExecutorLimits& limits) {
  v1::WatchStatsResponse response;
  const EngineCounts& counts = stats.counts;
  response.set_running(static_cast<uint32_t>(counts.running));
  response.set_waiting(static_cast<uint32_t>(stats.waiting));
  response.set_kv_blocks_total(static_cast<uint32_t>(stats.kv_blocks_total));
  response.set_kv_blocks_used(static_cast<uint32_t>(counts.kv_blocks_used));
  response.set_kv_blocks_cached(static_cast<uint32_t>(counts.kv_blocks_cached));
  response.set_block_tokens(static_cast<uint32_t>(stats.block_tokens));
  response.set_vision_tokens_used(static_cast<uint64_t>(counts.vision_tokens_used));
  response.set_vision_tokens_cached(static_cast<uint64_t>(counts.vision_tokens_cached));
  response.set_vision_tokens_total(static_cast<uint64_t>(limits.max_vision_tokens));
  response.set_steps_total(static_cast<uint64_t>(counts.steps));
  response.set_vision_ms_total(counts.vision_ms);
  response.set_prefill_ms_total(counts.prefill_ms);
  response.set_decode_ms_total(counts.decode_ms);
  const SchedulerCounts& scheduler = counts.scheduler;
  response.set_prompt_tokens_total(
      static_cast<uint64_t>(scheduler.prefilled_tokens + scheduler.reused_tokens));
  response.set_prefilled_tokens_total(static_cast<uint64_t>(scheduler.prefilled_tokens));
  response.set_reused_tokens_total(static_cast<uint64_t>(scheduler.reused_tokens));
  response.set_preemptions_total(static_cast<uint64_t>(scheduler.preemptions));
  response.set_output_tokens_total(static_cast<uint64_t>(counts.output_tokens));
  response.set_pages_encoded_total(static_cast<uint64_t>(scheduler.pages_encoded));
  response.set_pages_reused_total(static_cast<uint64_t>(scheduler.pages_reused));
  response.set_finished_total(static_cast<uint64_t>(counts.finished));
  response.set_cancelled_total(static_cast<uint64_t>(counts.cancelled));
  response.set_failed_total(static_cast<uint64_t>(counts.failed));
  for (const MemoryGauge& gauge : stats.memory) FillMemory(gauge, *response.add_memory());
  FillMemory(stats.largest_request, *response.mutable_largest_request());
  response.set_gpu_memory_budget_bytes(static_cast<uint64_t>(limits.gpu_memory_budget_bytes));
  for (const StageMemory& stage : stats.memory_stages) {
    v1::StageMemory* reached = response.add_memory_stages();
    reached->set_stage(stage.stage);
    reached->set_bytes(static_cast<uint64_t>(stage.bytes));
  }
  return response;
}

}  // namespace glyph::vlm
