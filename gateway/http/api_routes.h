#pragma once
#include <vector>

#include "gateway/http/api_services.h"
#include "gateway/http/routes.h"
#include "gateway/routing/readiness.h"

namespace glyph::gateway {

// Everything the public HTTP port answers. `services` and `readiness` outlive the routes.
std::vector<Route> ApiRoutes(const ApiServices& services, const Readiness& readiness);

}  // namespace glyph::gateway
