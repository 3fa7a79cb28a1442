#pragma once
#include <cstdint>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/memory_peaks.h"
#include "vlm_service/engine/step_executor.h"

namespace glyph::vlm {

// Counters since the start and gauges of now (vlm.proto, WatchStatsResponse).
struct EngineCounts {
  int32_t running = 0;
  int32_t kv_blocks_used = 0;
  int64_t steps = 0;
  int64_t prompt_tokens = 0;
  int64_t output_tokens = 0;
  int64_t pages_encoded = 0;
  int64_t finished = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
};

struct EngineStats {
  EngineCounts counts;
  int32_t waiting = 0;
  int32_t kv_blocks_total = 0;
  int32_t block_tokens = 0;
  std::vector<MemoryGauge> memory;
};

// The board between the engine thread, which writes it, and everyone who reads. Thread-safe.
class Statistics {
 public:
  explicit Statistics(const ExecutorLimits& limits) : limits_(limits) {}

  void Publish(const EngineCounts& counts, const std::vector<ComponentMemory>& memory,
               absl::Duration now);
  // All but EngineStats::waiting: requests wait before the engine thread sees them.
  EngineStats Read(absl::Duration now);

 private:
  void RecordProcess(absl::Duration now) GLYPH_REQUIRES(mutex_);

  const ExecutorLimits limits_;
  base::Mutex mutex_;
  EngineCounts counts_ GLYPH_GUARDED_BY(mutex_);
  MemoryPeaks memory_ GLYPH_GUARDED_BY(mutex_);
  absl::Duration process_recorded_ GLYPH_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace glyph::vlm
