#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/keys/key_account.h"

namespace glyph::gateway {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// One request as handlers see it: no socket, no library.
struct HttpRequest {
  std::string method;   // "GET"
  std::string path;     // "/healthz", without the query
  std::string body;     // as sent
  HttpHeaders headers;  // names in lower case, in the order of their coming
  // The client's x-request-id when it is 1 to 128 bytes of printable ASCII, else one of our own.
  std::string request_id;
  Caller caller;  // set by Routes

  // The first header of this name (lower case); empty when there is none.
  std::string_view Header(std::string_view name) const;
  // All of them.
  std::vector<std::string_view> Headers(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  HttpHeaders headers;  // besides type and length
};

// Answers one request at once; must not block. Thread-safe.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

}  // namespace glyph::gateway
