#pragma once
#include "gateway/http/api_services.h"
#include "gateway/http/http_call.h"

namespace glyph::gateway {

// GET /v1/models: the list, which holds the one model behind the gateway.
HttpStarter ModelListStarter(const ApiServices& services);
// GET /v1/models/{id}: that model, or 404.
HttpStarter ModelStarter(const ApiServices& services);

}  // namespace glyph::gateway
