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
      {"GET", "/healthz", Access::kOpen, AtOnce(HealthzHandler())},
      {"GET", "/readyz", Access::kOpen, AtOnce(ReadyzHandler(readiness))},
      {"GET", "/openapi.json", Access::kKey, AtOnce([](const HttpRequest&) {
         return HttpResponse{200, "application/json", OpenApiDocument(), {}};
       })},
      {"GET", "/v1/models", Access::kKey, ModelListStarter(services)},
      {"GET", "/v1/models/*", Access::kKey, ModelStarter(services)},
      {"POST", "/v1/chat/completions", Access::kKey, ChatStarter(services)},
      {"POST", "/v1/render", Access::kKey, RenderStarter(services)},
      {"POST", "/v1/estimate", Access::kKey, EstimateStarter(services)},
  };
}

}  // namespace glyph::gateway
