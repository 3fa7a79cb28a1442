#include "gateway/http/metrics_handler.h"

namespace glyph::gateway {

HttpHandler MetricsHandler(const Exposition& exposition) {
  return [&exposition](const HttpRequest&) {
    return HttpResponse{200, kExpositionContentType, exposition.Text(), {}};
  };
}

}  // namespace glyph::gateway
