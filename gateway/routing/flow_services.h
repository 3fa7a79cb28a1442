#pragma once
#include "gateway/metrics/gateway_metrics.h"
#include "gateway/routing/clock.h"
#include "gateway/routing/outage.h"
#include "gateway/routing/profile_resolver.h"
#include "gateway/routing/render_client.h"
#include "gateway/routing/vlm_client.h"

namespace glyph::gateway {

// What every flow works with. All outlive the flows.
struct FlowServices {
  RenderClient& render;
  VlmClient& vlm;
  ProfileResolver& profiles;
  GatewayMetrics& metrics;
  Clock now;
  Recovery recovery;
};

}  // namespace glyph::gateway
