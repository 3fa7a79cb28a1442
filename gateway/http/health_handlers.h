#pragma once
#include "gateway/http/http_message.h"
#include "gateway/routing/readiness.h"

namespace glyph::gateway {

// /healthz: 200 as long as the process answers.
HttpHandler HealthzHandler();

// /readyz: 200 while Readiness::serving, else 503; the body names each service and whether it
// answers now.
// `readiness` outlives the handler.
HttpHandler ReadyzHandler(const Readiness& readiness);

}  // namespace glyph::gateway
