#pragma once
#include <string>

#include "gateway/keys/key_ring.h"
#include "gateway/metrics/vlm_stats.h"
#include "gateway/routing/byte_budget.h"
#include "gateway/routing/document_flow.h"
#include "gateway/routing/model_cache.h"
#include "gateway/routing/readiness.h"
#include "gateway/routing/request_gate.h"

namespace glyph::gateway {

// Everything the calls of GlyphService work with. All outlive the server.
struct ServerServices {
  FlowServices flow;
  KeyRing& keys;
  RequestGate& gate;
  ModelCache& models;
  const Readiness& readiness;
  const VlmStats& stats;
  ByteBudget& input_budget;    // of running AskStream calls
  std::string render_address;  // host:port, as configured
  std::string vlm_address;
};

}  // namespace glyph::gateway
