#pragma once
#include "gateway/http/api_services.h"
#include "gateway/http/http_call.h"

namespace glyph::gateway {

// POST /v1/estimate: the pages and tokens a text would take, without drawing it. `services`
// outlives the calls.
HttpStarter EstimateStarter(const ApiServices& services);

}  // namespace glyph::gateway
