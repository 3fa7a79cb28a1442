#pragma once
#include <vector>

#include "gateway/metrics/vlm_stats.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace glyph::gateway {

// Exposes what dashboards made for vLLM look for, under vLLM's names and its labels `model_name`
// and `engine`: load, KV cache, tokens, preemptions and the two latencies. The figures are those of
// the glyph_ series. Absent while vlm_service is not connected. Thread-safe.
class VllmAliases final : public prometheus::Collectable {
 public:
  // `gateway_series` has the histograms of GatewayMetrics. Both outlive it.
  VllmAliases(const VlmStats& stats, const prometheus::Collectable& gateway_series)
      : stats_(stats), gateway_series_(gateway_series) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const VlmStats& stats_;
  const prometheus::Collectable& gateway_series_;
};

}  // namespace glyph::gateway
