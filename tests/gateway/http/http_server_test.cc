#include "gateway/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/http/response_queue.h"
#include "gmock/gmock.h"
#include "proto/base/mutex.h"

// The server over real sockets; the client is a bare one, so that it can send what is wrong.
namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// One TCP connection to 127.0.0.1; closed with the object.
class Client {
 public:
  // `receive_buffer`: 0, or the kernel's share of what this client does not read.
  explicit Client(int port, int receive_buffer = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const timeval timeout = {10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~Client() { close(socket_); }

  void Send(const std::string& bytes) {
    if (connected_) send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  // What comes until `end` has come, the server closes, or ten seconds pass without a byte.
  std::string ReadUntil(const std::string& end) {
    std::string response;
    char buffer[4096];
    while (response.find(end) == std::string::npos) {
      const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      response.append(buffer, static_cast<size_t>(count));
    }
    return response;
  }

  // Sends `request` and returns everything until the server closes, or for ten seconds.
  std::string Exchange(const std::string& request) {
    if (!connected_) return "not connected";
    Send(request);
    return ReadUntil("no such bytes");
  }

 private:
  const int socket_;
  bool connected_ = false;
};

// A call that the test answers; it hears what the server tells.
class HeldCall final : public HttpCall {
 public:
  explicit HeldCall(std::shared_ptr<HttpReply> reply) : reply_(std::move(reply)) {}
  void OnDrained() override { Note(drained_); }
  void OnIdle() override { Note(idle_); }
  void OnGone() override {
    Note(gone_);
    base::MutexLock lock(mutex_);
    reply_.reset();
  }

  // False when it did not happen within ten seconds.
  bool WaitUntilDrained() { return Wait(drained_); }
  bool WaitUntilIdle() { return Wait(idle_); }
  bool WaitUntilGone() { return Wait(gone_); }
  std::shared_ptr<HttpReply> reply() {
    base::MutexLock lock(mutex_);
    return reply_;
  }

 private:
  void Note(bool& what) {
    base::MutexLock lock(mutex_);
    what = true;
    changed_.NotifyAll();
  }
  bool Wait(const bool& what) {
    base::MutexLock lock(mutex_);
    while (!what) {
      if (!changed_.WaitFor(mutex_, std::chrono::seconds(10))) return what;
    }
    return true;
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  std::shared_ptr<HttpReply> reply_;
  bool drained_ = false, idle_ = false, gone_ = false;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.max_header_bytes = 1000;
    options_.max_body_bytes = 10;
    options_.read_timeout = absl::Milliseconds(300);
    options_.keep_alive_timeout = absl::Milliseconds(300);
    Start();
  }
  ~HttpServerTest() override { held_.clear(); }

  void Start() {
    server_.reset();
    server_ = *HttpServer::Start(
        options_,
        [this](const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
          return Answer(request, std::move(reply));
        },
        [](const HttpRequest& head) -> std::optional<HttpResponse> {
          if (head.path != "/refused") return std::nullopt;
          return HttpResponse{401, "text/plain", "no " + std::string(head.Header("x-a")), {}};
        });
  }
  // Holds what is asked of /held back, is short with /short and tells the rest what it asked.
  std::shared_ptr<HttpCall> Answer(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
    if (request.path == "/held") {
      auto call = std::make_shared<HeldCall>(std::move(reply));
      base::MutexLock lock(mutex_);
      held_.push_back(call);
      changed_.NotifyAll();
      return call;
    }
    if (request.path == "/short") {
      reply->Send({200, "text/plain", "short", {}});
      return nullptr;
    }
    reply->Send({200,
                 "text/plain",
                 request.method + " " + request.path + " " + request.body + " " +
                     std::string(request.Header("x-a")),
                 {{"X-A", "b"}}});
    return nullptr;
  }
  std::shared_ptr<HeldCall> WaitForHeldCall() {
    base::MutexLock lock(mutex_);
    while (held_.empty()) {
      if (!changed_.WaitFor(mutex_, std::chrono::seconds(10))) return nullptr;
    }
    return held_.back();
  }
  std::string Exchange(const std::string& request) {
    return Client(server_->port()).Exchange(request);
  }

  HttpServerOptions options_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::shared_ptr<HeldCall>> held_;
  std::unique_ptr<HttpServer> server_;
};

constexpr char kHeld[] = "GET /held HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpServerTest, HandsMethodPathAndBodyToTheHandler) {
  const std::string response = Exchange(
      "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-a: 1\r\nConnection: close\r\nContent-Length: "
      "4\r\n\r\nbody");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("X-A: b\r\n"));
  EXPECT_THAT(response, HasSubstr("\r\n\r\nPOST /a/b body 1"));
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthOnly) {
  const std::string response = Exchange("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(response, HasSubstr("Content-Length: 9\r\n"));  // "HEAD /a  "
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
  const auto head = [](size_t num_bytes) {
    const std::string begin = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ";
    return begin + std::string(num_bytes - begin.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_THAT(Exchange(head(999)), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange(head(1000)), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange(head(1001)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Exchange(head(20'000)), StartsWith("HTTP/1.1 431 "));
  const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ";
  EXPECT_THAT(Exchange(post + "10\r\n\r\n0123456789"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Exchange(post + "11\r\n\r\n0123456789a"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, BoundsABodyInChunksToo) {
  const std::string post =
      "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string ten_chunks;
  for (int i = 0; i < 10; ++i) ten_chunks += "1\r\nx\r\n";
  EXPECT_THAT(Exchange(post + ten_chunks + "0\r\n\r\n"), HasSubstr("POST /a xxxxxxxxxx"));
  EXPECT_THAT(Exchange(post + ten_chunks + "1\r\nx\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Exchange(post + "1;" + std::string(200'000, 'e')), StartsWith("HTTP/1.1 4"));
}

TEST_F(HttpServerTest, RefusesWhatIsNotHttp) {
  for (const char* bytes :
       {"\x16\x03\x01 hello\r\n\r\n", "GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n0",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
    EXPECT_THAT(Exchange(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
}

TEST_F(HttpServerTest, ReadsNoBodyInAnEncodingItDoesNotKnow) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* fields : {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
                             "Transfer-Encoding: identity\r\nContent-Length: 2\r\n",
                             "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"}) {
    const std::string response =
        Exchange("POST /a HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + smuggled);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 501 ")) << fields;
    EXPECT_THAT(response, ::testing::Not(HasSubstr("GET /smuggled"))) << fields;
  }
}

TEST_F(HttpServerTest, CutsOffASlowClient) {
  EXPECT_EQ(Exchange("GET /a HT"), "");
  EXPECT_EQ(Exchange(""), "");
  EXPECT_EQ(Exchange("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"), "");
}

TEST_F(HttpServerTest, AsksForABodyThatWaitsToBeAskedFor) {
  Client client(server_->port());
  client.Send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ab");
  EXPECT_THAT(client.ReadUntil("POST /a ab"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AnswersHttp10OnceWhateverItExpects) {
  Client client(server_->port());
  client.Send("POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  client.Send("ab");
  EXPECT_THAT(client.ReadUntil("POST /a ab"), StartsWith("HTTP/1.0 200 "));
}

TEST_F(HttpServerTest, RefusesByTheHeadBeforeABodyComes) {
  const std::string head = "POST /refused HTTP/1.1\r\nHost: x\r\nX-A: b\r\nX-Request-Id: mine\r\n";
  for (const char* rest : {"Content-Length: 9\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
                           "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"}) {
    const std::string refused = Exchange(head + rest);
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 401 ")) << rest;
    EXPECT_THAT(refused, HasSubstr("mine\r\n"));
    EXPECT_THAT(refused, ::testing::EndsWith("no b"));
  }
}

TEST_F(HttpServerTest, RefusesHeadWithoutABodyToo) {
  const std::string refused =
      Exchange("HEAD /refused HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 9\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(refused, HasSubstr("Content-Length: 4\r\n"));
  EXPECT_THAT(refused, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, ReadsLargeBodiesToo) {
  options_.max_body_bytes = 1 << 20;
  Start();
  const std::string body(1 << 20, 'x');
  EXPECT_THAT(Exchange("POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048576"
                       "\r\n\r\n" +
                       body),
              HasSubstr("POST /a " + body));
}

TEST_F(HttpServerTest, RefusesBodiesBeyondWhatAllMayHold) {
  options_.max_all_bodies_bytes = 4;
  Start();
  const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ";
  for (int i = 0; i < 3; ++i) {  // each gives back what it held
    EXPECT_THAT(Exchange(post + "4\r\n\r\nabcd"), StartsWith("HTTP/1.1 200 "));
  }
  const std::string refused = Exchange(post + "5\r\n\r\nabcde");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(refused, HasSubstr("Retry-After: 5\r\n"));
}

TEST_F(HttpServerTest, SendsAnAnswerAsItComes) {
  Client client(server_->port());
  client.Send(kHeld);
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  call->reply()->Begin({200, "text/plain", "first", {}});
  EXPECT_THAT(client.ReadUntil("first"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  call->reply()->Write("second");
  EXPECT_EQ(client.ReadUntil("second\r\n"), "6\r\nsecond\r\n");
  call->reply()->Finish(true);
  EXPECT_EQ(client.ReadUntil("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(HttpServerTest, ServesTheNextRequestAfterAStream) {
  Client client(server_->port());
  client.Send(std::string(kHeld) + "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");  // ahead of its answer
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  call->reply()->Begin({200, "text/plain", "held", {}});
  call->reply()->Finish(true);
  EXPECT_THAT(client.ReadUntil("GET /a "), HasSubstr("0\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, TellsACallThatItsClientIsGone) {
  std::shared_ptr<HeldCall> call;
  {
    Client client(server_->port());
    client.Send(kHeld);
    call = WaitForHeldCall();
    ASSERT_NE(call, nullptr);
  }
  EXPECT_TRUE(call->WaitUntilGone());
}

TEST_F(HttpServerTest, TellsACallThatItMayGoOn) {
  Client client(server_->port(), /*receive_buffer=*/4096);
  client.Send(kHeld);
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  const std::shared_ptr<HttpReply> reply = call->reply();
  reply->Begin({200, "text/plain", "", {}});
  size_t sent = 0;
  for (; !reply->congested(); sent += 4096) reply->Write(std::string(4096, 'x'));
  EXPECT_GE(sent, size_t{ResponseQueue::kCongestedBytes} - 4096);
  EXPECT_LT(sent, size_t{1} << 20);  // what this client costs
  reply->Finish(true);
  client.ReadUntil("\r\n0\r\n\r\n");
  EXPECT_TRUE(call->WaitUntilDrained());
}

TEST_F(HttpServerTest, CutsOffAClientThatDoesNotRead) {
  options_.write_timeout = absl::Milliseconds(300);
  Start();
  Client client(server_->port(), /*receive_buffer=*/4096);
  client.Send(kHeld);
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  call->reply()->Begin({200, "text/plain", std::string(4 << 20, 'x'), {}});
  EXPECT_TRUE(call->WaitUntilGone());
}

TEST_F(HttpServerTest, AsksACallForASignOfLife) {
  options_.idle_interval = absl::Milliseconds(200);
  Start();
  Client client(server_->port());
  client.Send(kHeld);
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  EXPECT_TRUE(call->WaitUntilIdle());
}

TEST_F(HttpServerTest, EndsItsCallsWithItself) {
  Client client(server_->port());
  client.Send(kHeld);
  const auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  server_.reset();
  EXPECT_TRUE(call->WaitUntilGone());
}

TEST_F(HttpServerTest, EndsWhileLargeBodiesCome) {
  options_.max_body_bytes = 1 << 20;
  const std::string request = "POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" +
                              std::string(100000, 'x');
  for (int round = 0; round < 20; ++round) {
    Start();
    std::atomic<int> num_answers = 0;
    std::vector<std::thread> clients;
    for (int i = 0; i < 6; ++i) {
      clients.emplace_back([&, port = server_->port()] {
        Client client(port);
        do {
          client.Send(request);
        } while (client.ReadUntil("short").find("short") != std::string::npos && ++num_answers > 0);
      });
    }
    while (num_answers < 6 * (round + 1)) std::this_thread::yield();
    server_.reset();
    for (std::thread& client : clients) client.join();
  }
}

TEST_F(HttpServerTest, WaitsForWhatItAnswers) {
  Client client(server_->port());
  client.Send(kHeld);
  auto call = WaitForHeldCall();
  ASSERT_NE(call, nullptr);
  std::thread answer([&] {
    client.Send("");
    call->reply()->Send({200, "text/plain", "late", {}});
    client.ReadUntil("late");
    call->OnGone();  // drops its reply
  });
  server_->WaitUntilIdle(absl::Seconds(10));
  EXPECT_EQ(call->reply(), nullptr);
  answer.join();
}

TEST_F(HttpServerTest, ClosesMoreConnectionsThanItMayHold) {
  options_.max_connections = 2;
  options_.read_timeout = absl::Seconds(10);
  Start();
  {
    Client first(server_->port()), second(server_->port());
    first.Send(kHeld);
    ASSERT_NE(WaitForHeldCall(), nullptr);
    EXPECT_EQ(Exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  }
  EXPECT_TRUE(WaitForHeldCall()->WaitUntilGone());
  EXPECT_THAT(Exchange("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

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
