#pragma once
#include <map>
#include <string>
#include <utility>

#include "gateway/http/http_message.h"

namespace glyph::gateway {

// Finds the handler of a path: GET and HEAD reach it, other methods are 405, other paths 404.
//   Routes routes({{"/healthz", HealthHandler()}});
//   HttpResponse response = routes.Handle({"GET", "/healthz", ""});
class Routes {
 public:
  explicit Routes(std::map<std::string, HttpHandler> handlers) : handlers_(std::move(handlers)) {}
  // HEAD is answered like GET; the server leaves the body out.
  HttpResponse Handle(const HttpRequest& request) const;

 private:
  const std::map<std::string, HttpHandler> handlers_;  // by path
};

}  // namespace glyph::gateway
