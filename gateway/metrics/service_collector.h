#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace glyph::gateway {

// Exposes glyph_service_ready of the two services behind the gateway: 1 or 0. Thread-safe when the
// functions are.
class ServiceCollector final : public prometheus::Collectable {
 public:
  using IsReady = std::function<bool()>;
  ServiceCollector(IsReady is_render_ready, IsReady is_vlm_ready)
      : is_render_ready_(std::move(is_render_ready)), is_vlm_ready_(std::move(is_vlm_ready)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const IsReady is_render_ready_, is_vlm_ready_;
};

}  // namespace glyph::gateway
