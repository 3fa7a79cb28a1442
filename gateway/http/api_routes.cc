#include "gateway/http/api_routes.h"

#include "gateway/http/chat_call.h"
#include "gateway/http/estimate_call.h"
#include "gateway/http/health_handlers.h"
#include "gateway/http/models_call.h"
#include "gateway/http/openapi_document.h"
#include "gateway/http/render_call.h"

namespace glyph::gateway {

std::vector<Route> ApiRoutes(const ApiServices& services, const Readiness& readiness) {
  return {
      {"GET", "/healthz", AtOnce(HealthzHandler())},
      {"GET", "/readyz", AtOnce(ReadyzHandler(readiness))},
      {"GET", "/openapi.json", AtOnce([](const HttpRequest&) {
         return HttpResponse{200, "application/json", OpenApiDocument(), {}};
       })},
      {"GET", "/v1/models", ModelListStarter(services)},
      {"GET", "/v1/models/*", ModelStarter(services)},
      {"POST", "/v1/chat/completions", ChatStarter(services)},
      {"POST", "/v1/render", RenderStarter(services)},
      {"POST", "/v1/estimate", EstimateStarter(services)},
  };
}

}  // namespace glyph::gateway
