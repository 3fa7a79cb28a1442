// Any bytes to one connection of the public port: its parser and limits, then host, origin and key,
// then the routes, with an echo behind them. The first byte says how many bytes come at once.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "gateway/http/health_handlers.h"
#include "gateway/http/http_connection.h"
#include "gateway/http/routes.h"
#include "nlohmann/json.hpp"
#include "prometheus/registry.h"
#include "proto/base/check.h"
#include "proto/base/json.h"

namespace glyph::gateway {
namespace {

using tcp = boost::asio::ip::tcp;

// Small, so that inputs reach them.
const HttpServerOptions kOptions = {
    .max_header_bytes = 1024, .max_body_bytes = 512, .max_all_bodies_bytes = 384};

std::shared_ptr<HttpCall> Echo(const HttpRequest& request,
                               const std::shared_ptr<HttpReply>& reply) {
  reply->Begin({200, "text/plain", "", {}});
  reply->Write(request.body);
  reply->Finish(true);
  return nullptr;
}

const Routes& PublicRoutes() {
  static const auto& names = *new std::set<std::string>{"glyph.example"};
  static auto& registry = *new prometheus::Registry;
  static auto& key_metrics = *new KeyMetrics(registry);
  static auto& keys = *new KeyRing(std::chrono::steady_clock::now, key_metrics);
  static const auto& routes =
      *new Routes({{"GET", "/healthz", Access::kOpen, AtOnce(HealthzHandler())},
                   {"GET", "/v1/models/*", Access::kKey, Echo},
                   {"POST", "/v1/chat/completions", Access::kKey, Echo}},
                  {&names, &keys});
  keys.SetKeys({{"alice", base::Sha256().Update("a").Finish(), KeyLimits()}});
  return routes;
}

// One answer as it went over the wire.
struct WireAnswer {
  int status = 0;
  bool is_http10 = false, closes = false, is_chunked = false, has_length = false;
  size_t length = 0;
  std::string request_id, body;
};

// Takes what goes before `end` off the front of `bytes`, and `end`.
std::string TakeUntil(const std::string& end, std::string& bytes) {
  const size_t at = bytes.find(end);
  GLYPH_CHECK(at != std::string::npos);
  std::string taken = bytes.substr(0, at);
  bytes.erase(0, at + end.size());
  return taken;
}

std::string TakeBytes(size_t count, std::string& bytes) {
  GLYPH_CHECK(count <= bytes.size());
  std::string taken = bytes.substr(0, count);
  bytes.erase(0, count);
  return taken;
}

void TakeHead(std::string& bytes, WireAnswer& answer) {
  const std::string first = TakeUntil("\r\n", bytes);
  answer.is_http10 = first.starts_with("HTTP/1.0 ");
  GLYPH_CHECK(answer.is_http10 || first.starts_with("HTTP/1.1 "));
  GLYPH_CHECK(absl::SimpleAtoi(first.substr(9, 3), &answer.status));
  for (std::string line; !(line = TakeUntil("\r\n", bytes)).empty();) {
    const std::string name = TakeUntil(": ", line);
    if (name == "Content-Length") {
      answer.has_length = absl::SimpleAtoi(line, &answer.length);
      GLYPH_CHECK(answer.has_length);
    }
    answer.is_chunked |= name == "Transfer-Encoding" && line == "chunked";
    answer.closes |= name == "Connection" && line == "close";
    if (name == "x-request-id") answer.request_id = line;
  }
}

void TakeBody(std::string& bytes, WireAnswer& answer) {
  if (answer.has_length) {
    answer.body = TakeBytes(answer.length, bytes);
  } else if (answer.is_chunked) {
    for (size_t size = 1; size > 0;) {
      GLYPH_CHECK(absl::SimpleHexAtoi(TakeUntil("\r\n", bytes), &size));
      answer.body += TakeBytes(size, bytes);
      GLYPH_CHECK(TakeUntil("\r\n", bytes).empty());
    }
  } else {
    answer.body = std::exchange(bytes, {});  // ends with the connection
  }
}

void CheckError(const WireAnswer& answer) {
  constexpr int kStatuses[] = {400, 401, 403, 404, 405, 413, 415, 429, 431, 501};
  GLYPH_CHECK(std::count(std::begin(kStatuses), std::end(kStatuses), answer.status) == 1);
  const absl::StatusOr<nlohmann::json> body = base::ParseJson(answer.body);
  GLYPH_CHECK(body.ok() && body->contains("error"));
  for (const char* name : {"message", "type", "code"}) {
    GLYPH_CHECK(body->at("error").contains(name) && body->at("error").at(name).is_string());
  }
}

// A server without threads, and one client of it.
class Exchange {
 public:
  Exchange() {
    GLYPH_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_) == 0);
    tcp::socket socket(state_.io);
    socket.assign(tcp::v4(), ends_[0]);
    connection_ = std::make_shared<HttpConnection>(std::move(socket), state_);
    connection_->Start();
  }
  ~Exchange() {
    connection_->Close();
    Run();
    close(ends_[1]);
  }

  void Send(std::string_view bytes, size_t piece_bytes) {
    for (; !bytes.empty(); bytes.remove_prefix(piece_bytes)) {
      piece_bytes = std::min(piece_bytes, bytes.size());
      const ssize_t sent = send(ends_[1], bytes.data(), piece_bytes, MSG_NOSIGNAL);
      GLYPH_CHECK(sent == static_cast<ssize_t>(piece_bytes));
      Run();
    }
  }

  // One answer for each request the routes saw, in their order, and at most one more, the last, for
  // what was refused before. The server waits for the client to close.
  void CheckAnswers() {
    GLYPH_CHECK(!connection_->closed());
    size_t num_answers = 0;
    for (bool is_last = false; !answers_.empty(); ++num_answers) {
      GLYPH_CHECK(!is_last);
      WireAnswer answer;
      const bool was_continued = answers_.starts_with(kContinue);
      if (was_continued) answers_.erase(0, kContinue.size());
      if (was_continued && answers_.empty()) break;  // the body has not come
      TakeHead(answers_, answer);
      GLYPH_CHECK(!was_continued || !answer.is_http10);
      is_last = answer.closes || (answer.is_http10 && !answer.has_length);
      if (num_answers < requests_.size()) {
        CheckAnswer(requests_[num_answers], answer);
      } else {
        GLYPH_CHECK(answer.closes && !answer.request_id.empty());
        if (answers_.empty()) continue;  // to HEAD
        TakeBody(answers_, answer);
        CheckError(answer);
      }
    }
    GLYPH_CHECK(num_answers >= requests_.size() && num_answers <= requests_.size() + 1);
  }

 private:
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

  void CheckAnswer(const HttpRequest& request, WireAnswer& answer) {
    GLYPH_CHECK(answer.request_id == request.request_id);
    if (request.method == "HEAD") return;
    TakeBody(answers_, answer);
    if (answer.status != 200) return CheckError(answer);
    GLYPH_CHECK(request.path == "/healthz" || answer.body == request.body);
  }

  // Until nothing happens any more.
  void Run() {
    const auto poll = [](boost::asio::io_context& io) {
      io.restart();
      return io.poll();
    };
    while (poll(state_.io) + poll(state_.large_io) > 0) {
    }
    char buffer[4096];
    for (ssize_t count; (count = recv(ends_[1], buffer, sizeof buffer, 0)) > 0;) {
      answers_.append(buffer, static_cast<size_t>(count));
    }
  }

  const Routes& routes_ = PublicRoutes();
  std::vector<HttpRequest> requests_;  // as the routes saw them
  HttpServerState state_{kOptions,
                         [this](HttpRequest request, std::shared_ptr<HttpReply> reply) {
                           requests_.push_back(request);
                           return routes_.Start(std::move(request), std::move(reply));
                         },
                         [this](HttpRequest head) { return routes_.RefusalOf(std::move(head)); }};
  int ends_[2];  // of the connection: the server's and the client's
  std::shared_ptr<HttpConnection> connection_;
  std::string answers_;
};

}  // namespace
}  // namespace glyph::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  glyph::gateway::Exchange exchange;
  const size_t piece_bytes = data[0] == 0 ? size : data[0];
  exchange.Send({reinterpret_cast<const char*>(data) + 1, size - 1}, piece_bytes);
  exchange.CheckAnswers();
  return 0;
}
