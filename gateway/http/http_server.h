#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/http/http_message.h"

namespace glyph::gateway {

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an IP address
  int port = 0;                    // 0: any free port
  size_t max_header_bytes = 16 << 10;
  size_t max_body_bytes = 64 << 10;
  int max_connections = 256;                           // more are closed at once
  absl::Duration request_timeout = absl::Seconds(10);  // to read a request; also idle keep-alive
};

// A small HTTP/1.1 server on one thread of its own. Larger headers get 431, larger bodies 413, what
// is not HTTP 400; a slow client is cut off. Thread-safe.
class HttpServer {
 public:
  // UNAVAILABLE when the port cannot be bound, INVALID_ARGUMENT when `host` is not an IP address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler handler);
  ~HttpServer();  // closes every connection
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace glyph::gateway
