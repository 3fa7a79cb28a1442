#pragma once
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/metrics/process_memory.h"
#include "gateway/metrics/vlm_stats.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace glyph::gateway {

// Exposes memory with its peaks: host memory of the gateway and of vlm_service's components, device
// memory of each GPU vlm_service reports. On a CPU there are no glyph_gpu_memory series at all.
// `stats` outlives it. Thread-safe.
class MemoryCollector final : public prometheus::Collectable {
 public:
  using ReadProcess = std::function<std::optional<ProcessMemory>()>;
  MemoryCollector(const VlmStats& stats, ReadProcess read_process)
      : stats_(stats), read_process_(std::move(read_process)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const VlmStats& stats_;
  const ReadProcess read_process_;
};

}  // namespace glyph::gateway
