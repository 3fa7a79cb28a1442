#include "gateway/metrics/service_collector.h"

#include "gateway/metrics/family.h"

namespace glyph::gateway {

std::vector<prometheus::MetricFamily> ServiceCollector::Collect() const {
  return {GaugeFamily("glyph_service_ready",
                      "1: the service behind the gateway answers and is ready, 0: it is not.",
                      {{{{"service", "render_service"}}, is_render_ready_()},
                       {{{"service", "vlm_service"}}, is_vlm_ready_()}})};
}

}  // namespace glyph::gateway
