#pragma once
#include "gateway/http/http_message.h"
#include "gateway/metrics/exposition.h"

namespace glyph::gateway {

// /metrics: every series in Prometheus text format. `exposition` outlives the handler.
HttpHandler MetricsHandler(const Exposition& exposition);

}  // namespace glyph::gateway
