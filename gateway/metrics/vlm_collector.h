#pragma once
#include <vector>

#include "gateway/metrics/vlm_stats.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace glyph::gateway {

// Exposes what vlm_service reports: load, KV blocks, pages and counters. While it is not connected
// its series are absent rather than zero. `stats` outlives it. Thread-safe.
class VlmCollector final : public prometheus::Collectable {
 public:
  explicit VlmCollector(const VlmStats& stats) : stats_(stats) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const VlmStats& stats_;
};

}  // namespace glyph::gateway
