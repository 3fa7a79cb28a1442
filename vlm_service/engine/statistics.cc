#include "vlm_service/engine/statistics.h"

namespace glyph::vlm {
namespace {

// Reading /proc after every step would cost more than it tells.
constexpr absl::Duration kProcessInterval = absl::Milliseconds(100);

}  // namespace

Statistics::Statistics(const ExecutorLimits& limits) : limits_(limits) {
  largest_request_.Record("", "", /*reserved_bytes=*/0, /*used_bytes=*/0, absl::ZeroDuration());
}

void Statistics::Publish(const EngineCounts& counts, const std::vector<ComponentMemory>& memory,
                         absl::Duration now) {
  base::MutexLock lock(mutex_);
  counts_ = counts;
  for (const ComponentMemory& use : memory) {
    memory_.Record(use.device, use.component, use.reserved_bytes, use.used_bytes, now);
  }
  largest_request_.Record("", "", /*reserved_bytes=*/0, counts.largest_request_bytes, now);
  if (now - process_recorded_ >= kProcessInterval) RecordProcess(now);
}

void Statistics::PublishStages(const std::vector<StageMemory>& stages) {
  base::MutexLock lock(mutex_);
  memory_stages_ = stages;
}

EngineStats Statistics::Read(absl::Duration now) {
  base::MutexLock lock(mutex_);
  RecordProcess(now);
  EngineStats stats;
  stats.counts = counts_;
  stats.kv_blocks_total = limits_.num_blocks;
  stats.block_tokens = limits_.block_tokens;
  stats.memory = memory_.Snapshot(now);
  stats.memory_stages = memory_stages_;
  stats.largest_request = largest_request_.Snapshot(now).front();
  return stats;
}

void Statistics::RecordProcess(absl::Duration now) {
  memory_.Record("host", "process", /*reserved_bytes=*/0, ResidentBytes(), now);
  process_recorded_ = now;
}

}  // namespace glyph::vlm
