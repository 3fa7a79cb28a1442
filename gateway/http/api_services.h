#pragma once
#include "gateway/routing/document_flow.h"
#include "gateway/routing/model_cache.h"
#include "gateway/routing/request_gate.h"

namespace glyph::gateway {

// Everything the calls of the HTTP API work with. All outlive the server.
struct ApiServices {
  FlowServices flow;
  RequestGate& gate;
  ModelCache& models;
};

}  // namespace glyph::gateway
