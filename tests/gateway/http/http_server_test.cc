#include "gateway/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"

// The server over real sockets; the client is a bare one, so that it can send what is wrong.
namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// One TCP connection to 127.0.0.1; closed with the object.
class Client {
 public:
  explicit Client(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval timeout = {10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~Client() { close(socket_); }

  // Sends `request` and returns everything until the server closes, or for ten seconds.
  std::string Exchange(const std::string& request) {
    if (!connected_) return "not connected";
    send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
    std::string response;
    char buffer[4096];
    for (ssize_t count; (count = recv(socket_, buffer, sizeof buffer, 0)) > 0;) {
      response.append(buffer, static_cast<size_t>(count));
    }
    return response;
  }

 private:
  const int socket_;
  bool connected_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    HttpServerOptions options;
    options.max_header_bytes = 1000;
    options.max_body_bytes = 10;
    options.request_timeout = absl::Milliseconds(300);
    server_ = *HttpServer::Start(options, [](const HttpRequest& request) {
      return HttpResponse{200,
                          "text/plain",
                          request.method + " " + request.path + " " + request.body,
                          {{"X-A", "b"}}};
    });
  }
  std::string Exchange(const std::string& request) {
    return Client(server_->port()).Exchange(request);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, HandsMethodPathAndBodyToTheHandler) {
  const std::string response = Exchange(
      "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("X-A: b\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\n\r\nPOST /a/b body"));
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthOnly) {
  const std::string response = Exchange("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("Content-Length: 8\r\n"));  // "HEAD /a "
  EXPECT_THAT(response, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, ServesSeveralRequestsOnOneConnection) {
  const std::string request = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string response =
      Exchange(request + "GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("GET /a "));
  EXPECT_THAT(response, HasSubstr("GET /b "));
}

TEST_F(HttpServerTest, RefusesLargeHeadersAndBodies) {
  EXPECT_THAT(Exchange("GET /a HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ";
  EXPECT_THAT(Exchange(post + "10\r\n\r\n0123456789"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange(post + "11\r\n\r\n0123456789a"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  EXPECT_THAT(Exchange("\x16\x03\x01 hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, CutsOffASlowClient) { EXPECT_EQ(Exchange("GET /a HT"), ""); }

TEST_F(HttpServerTest, SaysWhenThePortIsTaken) {
  HttpServerOptions options;
  options.port = server_->port();
  const auto second = HttpServer::Start(options, nullptr);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(second.status().message().find(std::to_string(options.port)), absl::string_view::npos);
}

TEST_F(HttpServerTest, RefusesAHostThatIsNoAddress) {
  HttpServerOptions options;
  options.host = "nowhere";
  EXPECT_EQ(HttpServer::Start(options, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace glyph::gateway
