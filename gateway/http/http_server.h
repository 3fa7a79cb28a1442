#pragma once
#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/http/http_call.h"

namespace glyph::gateway {

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // an IP address
  int port = 0;                    // 0: any free port
  size_t max_header_bytes = 16 << 10;
  size_t max_body_bytes = 64 << 10;
  size_t max_all_bodies_bytes = 512 << 20;  // of requests that are being read, together
  int max_connections = 1024;               // more are closed at once
  // For a request's head, for each 64 KiB of its body, and for the first byte of a connection.
  absl::Duration read_timeout = absl::Seconds(10);
  absl::Duration keep_alive_timeout = absl::Seconds(30);  // between requests of one connection
  // For what is queued (ResponseQueue::kCongestedBytes and one event) to reach the client.
  absl::Duration write_timeout = absl::Seconds(30);
  absl::Duration idle_interval = absl::Seconds(15);  // HttpCall::OnIdle
};

// An HTTP/1.1 server with one thread for its sockets and one for requests with large bodies, so
// that no stream waits while one is parsed. Larger heads get 431, larger bodies 413, what is not
// HTTP 400; a client that sends or reads too slowly is cut off, and a call whose client closes its
// connection is told. Thread-safe.
class HttpServer {
 public:
  // `head_check`, unless null: refuses requests before their bodies are read.
  // UNAVAILABLE when the port cannot be bound, INVALID_ARGUMENT when `host` is not an IP address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpStarter starter,
                                                           HeadCheck head_check = nullptr);
  // Closes every connection, tells the calls, and returns when none holds its reply any more.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Returns when no request is being answered, or after `limit`.
  void WaitUntilIdle(absl::Duration limit);

  int port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace glyph::gateway
