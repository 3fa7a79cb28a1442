#include "gateway/metrics/vlm_stats.h"

#include <utility>

namespace glyph::gateway {

void VlmStats::Set(v1::WatchStatsResponse stats) {
  base::MutexLock lock(mutex_);
  stats_ = std::move(stats);
}

void VlmStats::Clear() {
  base::MutexLock lock(mutex_);
  stats_.reset();
}

std::optional<v1::WatchStatsResponse> VlmStats::Get() const {
  base::MutexLock lock(mutex_);
  return stats_;
}

}  // namespace glyph::gateway
