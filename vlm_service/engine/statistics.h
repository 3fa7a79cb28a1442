#pragma once
#include <cstdint>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/memory_peaks.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/scheduler/scheduler_notices.h"

namespace glyph::vlm {

// Counters since the start and gauges of now (vlm.proto, WatchStatsResponse).
struct EngineCounts {
  int32_t running = 0;    // sequences; a sample is one
  int32_t preempted = 0;  // sequences that wait for blocks to go on
  int32_t kv_blocks_used = 0;
  int32_t kv_blocks_cached = 0;
  int64_t vision_tokens_used = 0;  // image tokens of pages held
  int64_t vision_tokens_cached = 0;
  int64_t largest_request_bytes = 0;  // KV blocks and image tokens of the request with most
  int64_t steps = 0;
  double vision_ms = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
  int64_t output_tokens = 0;
  int64_t finished = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  SchedulerCounts scheduler;
};

struct EngineStats {
  EngineCounts counts;
  int32_t waiting = 0;
  int32_t kv_blocks_total = 0;
  int32_t block_tokens = 0;
  std::vector<MemoryGauge> memory;
  std::vector<StageMemory> memory_stages;
  MemoryGauge largest_request;
};

// The board between the engine thread, which writes it, and everyone who reads. Thread-safe.
class Statistics {
 public:
  explicit Statistics(const ExecutorLimits& limits);

  void Publish(const EngineCounts& counts, const std::vector<ComponentMemory>& memory,
               absl::Duration now);
  void PublishStages(const std::vector<StageMemory>& stages);
  // All but EngineStats::waiting: requests wait before the engine thread sees them.
  EngineStats Read(absl::Duration now);

 private:
  void RecordProcess(absl::Duration now) GLYPH_REQUIRES(mutex_);

  const ExecutorLimits limits_;
  base::Mutex mutex_;
  EngineCounts counts_ GLYPH_GUARDED_BY(mutex_);
  MemoryPeaks memory_ GLYPH_GUARDED_BY(mutex_);
  MemoryPeaks largest_request_ GLYPH_GUARDED_BY(mutex_);  // one entry, always
  std::vector<StageMemory> memory_stages_ GLYPH_GUARDED_BY(mutex_);
  absl::Duration process_recorded_ GLYPH_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace glyph::vlm
