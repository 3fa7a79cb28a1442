#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace glyph::gateway {

// One request as handlers see it: no socket, no library.
struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // "/healthz", without the query
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // besides type and length
};

// Answers one request at once; must not block. Thread-safe.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// {"error":{"reason":..,"message":..}}.
HttpResponse JsonError(int status, const std::string& reason, const std::string& message);

}  // namespace glyph::gateway
