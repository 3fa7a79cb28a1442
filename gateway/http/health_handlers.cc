#include "gateway/http/health_handlers.h"

#include "nlohmann/json.hpp"

namespace glyph::gateway {

HttpHandler HealthzHandler() {
  return [](const HttpRequest&) {
    return HttpResponse{200, "application/json", "{\"status\":\"ok\"}\n", {}};
  };
}

HttpHandler ReadyzHandler(const Readiness& readiness) {
  return [&readiness](const HttpRequest&) {
    nlohmann::ordered_json services;
    for (const Upstream upstream : {Upstream::kRender, Upstream::kVlm}) {
      const bool ready = readiness.ready(upstream);
      services[UpstreamName(upstream)] = ready ? "ready" : "not ready";
    }
    const bool serving = readiness.serving();
    const nlohmann::ordered_json body = {{"status", serving ? "ready" : "not ready"},
                                         {"services", services}};
    return HttpResponse{serving ? 200 : 503, "application/json", body.dump() + "\n", {}};
  };
}

}  // namespace glyph::gateway
