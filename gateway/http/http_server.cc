#include "gateway/http/http_server.h"

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/beast/core.hpp"
#include "boost/beast/http.hpp"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

struct Shared {
  HttpServerOptions options;
  HttpHandler handler;
  int num_connections = 0;  // on the server's thread only
};

HttpRequest ToHandler(const http::request<http::string_body>& request) {
  const auto target = request.target();
  return {std::string(request.method_string()),
          std::string(target.substr(0, target.find_first_of("?#"))), request.body()};
}

// One connection: read, answer, again while the client keeps it alive. Lives until its last
// operation ends.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, Shared& shared) : stream_(std::move(socket)), shared_(shared) {
    ++shared_.num_connections;
  }
  ~Connection() { --shared_.num_connections; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(shared_.options.max_header_bytes));
    parser_->body_limit(shared_.options.max_body_bytes);
    stream_.expires_after(absl::ToChronoNanoseconds(shared_.options.request_timeout));
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, size_t) { self->HandleRead(error); });
  }

 private:
  void HandleRead(beast::error_code error) {
    if (!error) {
      const auto& request = parser_->get();
      return Write(shared_.handler(ToHandler(request)), request.method() == http::verb::head,
                   request.keep_alive());
    }
    if (error == http::error::header_limit) {
      return Refuse(431, "HEADERS_TOO_LARGE", shared_.options.max_header_bytes);
    }
    if (error == http::error::body_limit) {
      return Refuse(413, "BODY_TOO_LARGE", shared_.options.max_body_bytes);
    }
    const bool is_http_error =
        error.category() == make_error_code(http::error::bad_method).category();
    if (!is_http_error || error == http::error::end_of_stream) return;  // gone or timed out
    Write(JsonError(400, "BAD_REQUEST", "this is not an HTTP/1.1 request"), false, false);
  }

  void Refuse(int status, const char* reason, size_t limit) {
    Write(JsonError(status, reason, absl::StrCat("at most ", limit, " bytes are allowed")), false,
          false);
  }

  void Write(HttpResponse response, bool head, bool keep_alive) {
    response_ = {};
    response_.result(static_cast<unsigned>(response.status));
    response_.set(http::field::content_type, response.content_type);
    response_.set(http::field::cache_control, "no-store");
    for (const auto& [name, value] : response.headers) response_.set(name, value);
    response_.content_length(response.body.size());
    if (!head) response_.body() = std::move(response.body);
    response_.keep_alive(keep_alive);
    stream_.expires_after(absl::ToChronoNanoseconds(shared_.options.request_timeout));
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (!error && self->response_.keep_alive()) return self->Read();
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
                      });
  }

  beast::tcp_stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpServerOptions& options, HttpHandler handler)
      : shared_{options, std::move(handler)}, acceptor_(io_) {}

  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen() {
    beast::error_code error;
    const auto address = asio::ip::make_address(shared_.options.host, error);
    if (error) {
      return rpc::InvalidArgument(
          "HOST_INVALID", "host",
          absl::StrCat("host is ", shared_.options.host, "; it must be an IP address"));
    }
    const tcp::endpoint endpoint(address, static_cast<uint16_t>(shared_.options.port));
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return rpc::Unavailable(
          "PORT_TAKEN", absl::Seconds(1),
          absl::StrCat("cannot listen on ", shared_.options.host, ":", shared_.options.port,
                       "; choose a free port, or 0 for any"));
    }
    Accept();
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  int port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (!error && shared_.num_connections < shared_.options.max_connections) {
        std::make_shared<Connection>(std::move(socket), shared_)->Read();
      }
      Accept();
    });
  }

  Shared shared_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpHandler handler) {
  auto impl = std::make_unique<Impl>(options, std::move(handler));
  GLYPH_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const { return impl_->port(); }

}  // namespace glyph::gateway
