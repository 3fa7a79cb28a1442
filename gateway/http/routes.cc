#include "gateway/http/routes.h"

namespace glyph::gateway {

HttpResponse Routes::Handle(const HttpRequest& request) const {
  const auto handler = handlers_.find(request.path);
  if (handler == handlers_.end()) {
    return JsonError(404, "NOT_FOUND", "nothing lives at this path");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse response =
        JsonError(405, "METHOD_NOT_ALLOWED", "this path answers GET and HEAD only");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  return handler->second(request);
}

}  // namespace glyph::gateway
